import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { agentSurroundings } from '#commands/agent-setup.ts'
import { claimManually } from '#commands/claim-manually.ts'
import { findJob } from '#commands/find-job.ts'
import { runView } from '#commands/job-view.ts'
import { progressLine } from '#commands/progress-line.ts'
import { runJob } from '#commands/run-job.ts'
import { hangUp, stopSignals } from '#commands/stop-signals.ts'
import type { LoadedSettings } from '#config/load.ts'
import { InferError } from '#errors.ts'
import type { JobRun, RunState } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { sentence } from '#terminal/sentence.ts'

export default class SchedulesRun extends BaseCommand {
  static override description =
    'Run a job now, here, in the foreground: no daemon is needed, and the job may be paused. Progress goes to stderr, ' +
    'the result to stdout; the exit code is 0 when the run succeeded, 1 when it failed, 130 when it was interrupted.'
  static override examples = [
    '<%= config.bin %> schedules run hello',
    '<%= config.bin %> schedules run 3b6dd43b --json | jq -r .output',
  ]
  static override args = { job: requiredArg('Id, unique beginning of it, or unique name.') }
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesRun)
    const { run, error } = await this.withStores((stores, loaded) => this.#execute(stores, loaded, args.job))
    this.printResult(flags, runView(run), () => run.output ?? '')
    if (run.state === 'succeeded') return
    const failure = failureOf(run, error)
    // With --json the run is the document on stdout; an error would be a second one.
    if (!flags.json && flags.format !== 'json') throw failure
    this.note(`infer: ${sentence(failure.message)}`)
    if (failure.hint !== undefined) this.note(`  ${failure.hint}`)
    process.exitCode = failure.exitCode
  }

  async #execute(stores: Stores, loaded: LoadedSettings, argument: string): Promise<{ run: JobRun; error?: unknown }> {
    const { settings } = loaded
    const { jobRuns } = stores
    using stop = stopSignals(hangUp())
    const claim = await claimManually(stores, await findJob(stores, argument))
    this.note(`Run ${claim.id} of job ${claim.jobName ?? claim.jobId}.`)
    const warn = (message: string) => this.warning(message)
    const { error } = await runJob(claim, {
      stores,
      settings,
      surroundings: async () => {
        const [place, storage] = [await this.surroundings(), await this.storageOptions(loaded)]
        return await agentSurroundings({ loaded, stores, storage, ...place, warn })
      },
      attended: true,
      emit: (line) => {
        const text = progressLine(line)
        if (text !== undefined) this.note(text)
      },
      stop: stop.signal,
    })
    const run = await jobRuns.get(claim.id)
    // What stays now goes after the next run; the result of this one is worth more.
    await jobRuns.prune(claim.jobId, settings.tools.schedule.keepRuns).catch(() => {})
    return { run, error }
  }
}

const ENDED: Partial<Record<RunState, string>> = {
  failed: 'failed',
  interrupted: 'was interrupted',
  lost: 'was lost',
}

function failureOf({ id, state, reason }: JobRun, cause: unknown): InferError {
  const said = reason ?? (cause instanceof Error ? cause.message : undefined)
  const message = `run ${id} ${ENDED[state] ?? `is ${state}`}${said === undefined ? '' : `: ${said}`}`
  const hint = cause instanceof InferError ? cause.hint : undefined
  return new InferError(state === 'interrupted' ? 'E_INTERRUPTED' : 'E_FAILED', message, {
    cause,
    ...(hint !== undefined && { hint }),
  })
}
