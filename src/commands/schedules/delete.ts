import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findRecords } from '#commands/find-record.ts'

export default class SchedulesDelete extends BaseCommand {
  static override description = 'Delete jobs. What runs goes on, and the record of their runs stays.'
  static override examples = [
    '<%= config.bin %> schedules delete 3b6dd43b',
    '<%= config.bin %> schedules delete hello -y',
  ]
  static override strict = false
  static override args = {
    job: requiredArg('Ids, unique beginnings of them, or unique names.'),
  }
  static override flags = { ...jsonFlags, yes: boolean({ char: 'y', description: 'Do not ask.' }) }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(SchedulesDelete)
    await this.withStores(async (stores) => {
      const { jobs, unreadable } = await stores.scheduledJobs.list()
      const all: { id: string; name?: string }[] = [...jobs, ...unreadable]
      const found = findRecords(all, argv.map(String), 'job')
      const names = found.map(({ id, name }) => (name === undefined ? id : `${id} (${name})`)).join(', ')
      await this.confirm(`Delete ${names}?`, flags.yes)
      for (const { id } of found) await stores.scheduledJobs.delete(id)
      this.printResult(flags, { deleted: found.map(({ id }) => id) }, () => `Deleted ${names}.`)
    })
  }
}
