import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { daemonWarning } from '#commands/daemon-warning.ts'
import { findJobs } from '#commands/find-job.ts'
import { fireLines } from '#commands/fire-lines.ts'
import { jobView } from '#commands/job-view.ts'
import { setEnabled } from '#commands/save-job.ts'
import { checkSchedule } from '#commands/schedules/create.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'

export default class SchedulesResume extends BaseCommand {
  static override description =
    'Resume paused jobs. They fire from now on; what was due while they were paused is not caught up.'
  static override examples = [
    '<%= config.bin %> schedules resume hello',
    '<%= config.bin %> schedules resume 3b6dd43b nightly',
  ]
  static override strict = false
  static override args = { job: requiredArg('Ids, unique beginnings of them, or unique names.') }
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(SchedulesResume)
    await this.withStores(async (stores, { settings }) => {
      const { scheduledJobs, jobRuns } = stores
      const { defaultTimezone } = scheduledJobs
      const found = await findJobs(stores, argv.map(String))
      for (const { cronExpression, timezone } of found) checkSchedule(cronExpression, timezone ?? defaultTimezone)
      const now = await jobRuns.now()
      const resumed: StoredJob[] = []
      for (const job of found) resumed.push(await setEnabled(scheduledJobs, job, true, now))
      const warning = await daemonWarning(stores, settings)
      if (warning !== undefined) this.warning(warning)
      const views = resumed.map((job) => jobView(job, defaultTimezone, now))
      this.printResult(flags, views, () =>
        resumed
          .map((job) => {
            const name = job.name === undefined ? '' : ` (${job.name})`
            return `Resumed job ${job.id}${name}. Next fires:\n${fireLines(job, defaultTimezone, now)}`
          })
          .join('\n'),
      )
    })
  }
}
