import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findJob } from '#commands/find-job.ts'
import { jobView, scheduleProblem, upcomingFires, zoneOf } from '#commands/job-view.ts'
import { properties } from '#terminal/table.ts'
import { inZone } from '#terminal/time.ts'

export default class SchedulesShow extends BaseCommand {
  static override description = 'Show one job with its next three fires.'
  static override examples = ['<%= config.bin %> schedules show 3b6dd43b']
  static override args = { job: requiredArg('Id, unique beginning of it, or unique name.') }
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesShow)
    await this.withStores(async (stores) => {
      const job = await findJob(stores, args.job)
      const now = await stores.jobRuns.now()
      const { defaultTimezone } = stores.scheduledJobs
      const view = jobView(job, defaultTimezone, now)
      const fires = upcomingFires(job, defaultTimezone, now, 3).map((fire) =>
        inZone(fire, zoneOf(job, defaultTimezone)),
      )
      const wrong = scheduleProblem(job, defaultTimezone)
      if (wrong !== undefined) this.warning(`job ${job.id} never fires: ${wrong}`)
      this.printResult(flags, view, () =>
        [
          properties({
            id: view.id,
            name: view.name ?? undefined,
            description: view.description ?? undefined,
            cron: view.cron_expression,
            'time zone': view.timezone,
            model: view.model ?? undefined,
            recipient: view.channel === null ? undefined : `${view.channel} ${view.recipient_id ?? ''}`,
            state: job.enabled ? (job.runOnce ? 'runs once' : 'enabled') : 'paused',
            'catch up': view.catch_up,
            overlap: view.overlap,
            created: view.created_at ?? undefined,
            'last run': view.last_run ?? 'never',
            'last error': view.last_error ?? undefined,
            'next fires': fires.length === 0 ? 'none' : fires.join('\n'),
          }),
          '',
          view.prompt,
        ].join('\n'),
      )
    })
  }
}
