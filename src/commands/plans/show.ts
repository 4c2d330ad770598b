import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { planId, planView } from '#commands/plan-view.ts'
import type { Plan, PlanStorage } from '#storage/contract/plans.ts'

export default class PlansShow extends BaseCommand {
  static override description = 'Show one plan: rendered on a terminal, as it is in a pipe.'
  static override examples = [
    '<%= config.bin %> plans show 2026-03-01-080000-add-user-auth',
    '<%= config.bin %> plans show infer://plans/2026-03-01-080000-add-user-auth --raw > plan.md',
  ]
  static override args = {
    plan: requiredArg('Id, unique beginning of it, or infer://plans/<id>.'),
  }
  static override flags = {
    ...jsonFlags,
    raw: boolean({ description: 'The markdown as it is, on a terminal too.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PlansShow)
    await this.withStores(async ({ plans }) => {
      const plan = await findPlan(plans, planId(args.plan))
      const markdown = `# ${plan.title}\n\n${plan.body}`
      if (flags.json || flags.format !== undefined) {
        this.printResult(flags, { ...planView(plan), body: plan.body }, () => markdown)
      } else if (flags.raw || !this.onTerminal) {
        process.stdout.write(markdown)
      } else {
        const { renderMarkdown } = await import('#terminal/markdown.ts')
        this.print(await renderMarkdown(markdown, { columns: this.columns ?? 80, colour: this.colour }))
      }
    })
  }
}

/** A whole id costs one read; only a beginning of one needs the list. */
async function findPlan(plans: PlanStorage, argument: string): Promise<Plan> {
  try {
    return await plans.load(argument)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'E_NOT_FOUND' && code !== 'E_INVALID') throw error
    const { findReadable } = await import('#commands/find-record.ts')
    const { plans: readable, unreadable } = await plans.list()
    return findReadable(readable, unreadable, argument, 'plan')
  }
}
