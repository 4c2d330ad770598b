import { InferError } from '#errors.ts'
import { type RunEnd, type RunLease, type RunLeaseOptions, startRun } from '#scheduler/run-lease.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { HeadlessResult } from './headless.ts'
import { newSessionId } from './session.ts'

/** The longest time that a timer can wait, in ms; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What the work of a run has to respect. */
export interface RunContext {
  /** The definition as it was when the fire was claimed. */
  readonly job: ScheduledJob
  /** New for each run. */
  readonly sessionId: string
  /** Aborted when the run must stop: by a person, by its time limit, or because it was taken away. */
  readonly signal: AbortSignal
  /** Before every call of a model or a tool. */
  readonly beforeCall: () => Promise<void>
}

export interface ScheduledRunOptions extends Omit<RunLeaseOptions, 'sessionId'> {
  /** `tools.schedule.run_timeout` in ms; 0 means none. */
  readonly timeoutMs: number
  /** The same as it was written, for the sentence. */
  readonly timeout: string
  /** Aborted, with an InferError as reason, by SIGTERM and SIGINT. */
  readonly stop: AbortSignal
  readonly work: (context: RunContext) => Promise<HeadlessResult>
}

/**
 * The child's side of a run: takes it, works under its lease and time limit, and stores how it ended.
 *
 * Throws before any work when the run is not this process's to start. A run that was taken away meanwhile is not
 * ended by this process.
 */
export async function runScheduled(options: ScheduledRunOptions): Promise<HeadlessResult> {
  const sessionId = newSessionId()
  using lease = await startRun({ ...options, sessionId })
  const result = await workUnder(lease, sessionId, options)
  if (lease.signal.aborted) return { ...result, error: lease.signal.reason }
  const ended = await lease.finish(endOf(result, options.stop), options.stop)
  if (ended !== undefined) return result
  const message = `Run ${options.runId} was settled by somebody else before this process could end it.`
  return { ...result, error: new InferError('E_FAILED', message) }
}

async function workUnder(lease: RunLease, sessionId: string, options: ScheduledRunOptions): Promise<HeadlessResult> {
  const { stop, timeoutMs, timeout, work } = options
  const limit = new AbortController()
  const expire = () => {
    limit.abort(new InferError('E_FAILED', `The run took longer than ${timeout} (tools.schedule.run_timeout).`))
  }
  const timer = timeoutMs > 0 ? setTimeout(expire, Math.min(timeoutMs, LONGEST_TIMER_MS)) : undefined
  const signal = AbortSignal.any([stop, lease.signal, limit.signal])
  try {
    const job = lease.run.snapshot
    if (job === undefined) throw new InferError('E_FAILED', `Run ${lease.run.id} has no snapshot of its job.`)
    return await work({ job, sessionId, signal, beforeCall: () => lease.confirm(signal) })
  } catch (error) {
    return { error, output: '' }
  } finally {
    clearTimeout(timer)
  }
}

function endOf({ error, output }: HeadlessResult, stop: AbortSignal): RunEnd {
  const said = output === '' ? {} : { output }
  if (error === undefined) return { state: 'succeeded', ...said }
  const reason = error instanceof Error ? error.message : 'It failed without saying why.'
  return { state: stop.aborted && error === stop.reason ? 'interrupted' : 'failed', reason, ...said }
}
