import { BaseCommand, jsonFlags } from '#command.ts'
import { daemonWarning } from '#commands/daemon-warning.ts'
import { jobView, scheduleProblem, zoneOf } from '#commands/job-view.ts'
import { relative } from '#terminal/time.ts'

export default class SchedulesList extends BaseCommand {
  static override description =
    'List all jobs, oldest first, with their next fire. Jobs that cannot be read or never fire are named on stderr.'
  static override examples = [
    '<%= config.bin %> schedules list',
    '<%= config.bin %> schedules list --json | jq -r .[].id',
  ]
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulesList)
    await this.withStores(async (stores, { settings }) => {
      const { jobs, unreadable } = await stores.scheduledJobs.list()
      const now = await stores.jobRuns.now()
      const { defaultTimezone } = stores.scheduledJobs
      const views = jobs.map((job) => jobView(job, defaultTimezone, now))
      const zones = jobs.map((job) => zoneOf(job, defaultTimezone))
      for (const { id, error } of unreadable) this.warning(`job ${id} cannot be read: ${error.message}`)
      const wrong = jobs.map((job) => scheduleProblem(job, defaultTimezone))
      for (const [index, { id }] of jobs.entries()) {
        if (wrong[index] !== undefined) this.warning(`job ${id} never fires: ${wrong[index]}`)
      }
      if (jobs.length > 0) await this.#warnWithoutDaemon(stores, settings)
      const { table } = await import('#terminal/table.ts')
      this.printResult(flags, views, () =>
        views.length === 0
          ? 'No jobs. Create one: infer schedules create --cron "0 9 * * *" --prompt "summarise the news"'
          : table(
              ['id', 'name', 'cron', 'next fire', 'last run', 'state'],
              views.map((job, index) => [
                job.id,
                job.name ?? '',
                job.cron_expression,
                job.next_fire === null ? '-' : `${relative(new Date(job.next_fire), now)} (${zones[index]})`,
                job.last_run === null ? '-' : relative(new Date(job.last_run), now),
                stateOf(job, wrong[index]),
              ]),
              this.columns,
            ),
      )
    })
  }

  async #warnWithoutDaemon(...[stores, settings]: Parameters<typeof daemonWarning>): Promise<void> {
    const sentence = await daemonWarning(stores, settings)
    if (sentence !== undefined) this.warning(sentence)
  }
}

function stateOf(job: ReturnType<typeof jobView>, wrong: string | undefined): string {
  if (wrong !== undefined) return 'never fires'
  if (!job.enabled) return 'paused'
  return job.last_error === null ? 'ok' : `failed: ${job.last_error}`
}
