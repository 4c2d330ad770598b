import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findRecords } from '#commands/find-record.ts'
import { planId } from '#commands/plan-view.ts'

export default class PlansDelete extends BaseCommand {
  static override description = 'Delete plans.'
  static override examples = ['<%= config.bin %> plans delete 2026-03-01-080000-add-user-auth -y']
  static override strict = false
  static override args = { plan: requiredArg('Ids, unique beginnings of them, or infer://plans/<id>.') }
  static override flags = { ...jsonFlags, yes: boolean({ char: 'y', description: 'Do not ask.' }) }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(PlansDelete)
    await this.withStores(async (stores) => {
      const { plans, unreadable } = await stores.plans.list()
      const found = findRecords([...plans, ...unreadable], argv.map(String).map(planId), 'plan').map(({ id }) => id)
      await this.confirm(`Delete ${found.join(', ')}?`, flags.yes)
      for (const id of found) await stores.plans.delete(id)
      this.printResult(flags, { deleted: found }, () => `Deleted ${found.join(', ')}.`)
    })
  }
}
