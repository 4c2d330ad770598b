import { BaseCommand, jsonFlags } from '#command.ts'
import { planView } from '#commands/plan-view.ts'

export default class PlansList extends BaseCommand {
  static override description = 'List all plans, newest first. Plans that cannot be read are named on stderr.'
  static override examples = ['<%= config.bin %> plans list', '<%= config.bin %> plans list --json']
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(PlansList)
    await this.withStores(async (stores) => {
      const { plans, unreadable } = await stores.plans.list()
      for (const { id, error } of unreadable) this.warning(`plan ${id} cannot be read: ${error.message}`)
      const views = plans.map(planView)
      const { table } = await import('#terminal/table.ts')
      this.printResult(flags, views, () =>
        views.length === 0
          ? 'No plans. The agent makes them: infer agent --mode plan "plan the next release"'
          : table(
              ['id', 'title', 'created'],
              views.map((plan) => [plan.id, plan.title, plan.created_at]),
              this.columns,
            ),
      )
    })
  }
}
