import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findJobs } from '#commands/find-job.ts'
import { jobView } from '#commands/job-view.ts'
import { setEnabled } from '#commands/save-job.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'

export default class SchedulesPause extends BaseCommand {
  static override description =
    'Pause jobs: no fires and no records of them until infer schedules resume. What runs goes on.'
  static override examples = [
    '<%= config.bin %> schedules pause hello',
    '<%= config.bin %> schedules pause 3b6dd43b nightly',
  ]
  static override strict = false
  static override args = { job: requiredArg('Ids, unique beginnings of them, or unique names.') }
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(SchedulesPause)
    await this.withStores(async (stores) => {
      const { scheduledJobs, jobRuns } = stores
      const found = await findJobs(stores, argv.map(String))
      const now = await jobRuns.now()
      const paused: StoredJob[] = []
      for (const job of found) paused.push(await setEnabled(scheduledJobs, job, false, now))
      const views = paused.map((job) => jobView(job, scheduledJobs.defaultTimezone, now))
      this.printResult(flags, views, () =>
        paused.map(({ id, name }) => `Paused job ${id}${name === undefined ? '' : ` (${name})`}.`).join('\n'),
      )
    })
  }
}
