import { integer } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, optionalArg } from '#command.ts'
import { findRecord } from '#commands/find-record.ts'
import { runView } from '#commands/job-view.ts'
import { InferError } from '#errors.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { relative } from '#terminal/time.ts'

/** Columns below which a moment would be cut to its date, so that only how long ago it was is told. */
const WIDE = 120

export default class SchedulesRuns extends BaseCommand {
  static override description =
    'List what became of the fires, newest first: of all jobs, or of one, deleted ones included.'
  static override examples = [
    '<%= config.bin %> schedules runs',
    '<%= config.bin %> schedules runs hello --limit 5 --json',
  ]
  static override args = { job: optionalArg('Id, unique beginning of it, or unique name.') }
  static override flags = {
    ...jsonFlags,
    limit: integer({ default: 20, min: 0, description: 'How many; 0 means all.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesRuns)
    await this.withStores(async (stores) => {
      const jobId = args.job === undefined ? undefined : await jobOfRuns(stores, args.job)
      const runs = await stores.jobRuns.list({ limit: flags.limit, ...(jobId !== undefined && { jobId }) })
      const now = await stores.jobRuns.now()
      const age = (run: JobRun) => relative(run.scheduledFor, now)
      const moment = (run: JobRun) => `${run.scheduledFor.toISOString().slice(0, 19)}Z (${age(run)})`
      const when = (this.columns ?? WIDE) < WIDE ? age : moment
      const { table } = await import('#terminal/table.ts')
      this.printResult(flags, runs.map(runView), () =>
        runs.length === 0
          ? 'No runs.'
          : table(
              ['fire', 'job', 'state', 'trigger', 'session', 'host', 'note'],
              runs.map((run) => [
                when(run),
                run.jobName ?? run.jobId,
                run.count > 1 ? `${run.state} x${run.count}` : run.state,
                run.trigger,
                run.sessionId ?? '-',
                run.host ?? '-',
                run.reason ?? run.output ?? '',
              ]),
              this.columns,
            ),
      )
    })
  }
}

/** Runs outlive their job, so one that was deleted is looked for in the runs. */
async function jobOfRuns(stores: Stores, argument: string): Promise<string> {
  try {
    return findRecord((await stores.scheduledJobs.list()).jobs, argument, 'job').id
  } catch (error) {
    if (!(error instanceof InferError) || error.code !== 'E_NOT_FOUND') throw error
    const runs = await stores.jobRuns.list({ limit: 0 })
    const jobs = new Map(
      runs.map((run) => [run.jobId, { id: run.jobId, ...(run.jobName !== undefined && { name: run.jobName }) }]),
    )
    return findRecord([...jobs.values()], argument, 'job').id
  }
}
