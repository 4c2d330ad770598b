import { randomUUID } from 'node:crypto'
import type { Log } from '#log.ts'
import { type JobRun, type JobRunStorage, OPEN_STATES } from '#storage/contract/job-runs.ts'
import type { RunObserver } from './observation.ts'
import type { StoreOutage } from './store-outage.ts'

/** How the process of a run ended. */
export interface RunExit {
  /** A sentence; the reason of the run when the process had not finished it. */
  readonly reason: string
  /** True when this daemon ended it because it stops. */
  readonly interrupted: boolean
}

export interface ActiveRunsOptions {
  readonly runs: Pick<JobRunStorage, 'get' | 'reap' | 'finish' | 'prune'>
  /** Id of this daemon. */
  readonly owner: string
  readonly host: string
  /** Asked before a run is claimed again; while it throws that is not done. */
  readonly health: () => Promise<void>
  /** Starts the agent of a claimed run and waits for its end. Never rejects. */
  readonly runJob: (run: JobRun) => Promise<RunExit>
  /** Runs of each job that are kept. */
  readonly keepRuns: number
  readonly log: Log
  readonly outage: StoreOutage
  readonly observer?: RunObserver
  /** Called when a run has left. */
  readonly onEnd: () => void
}

/** The runs whose agents this daemon has started: waits for them, and settles what they leave open. */
export class ActiveRuns {
  readonly #options: ActiveRunsOptions
  readonly #active = new Set<Promise<void>>()

  constructor(options: ActiveRunsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#active.size
  }

  /** Starts the agent of a claimed run. Once `stop` is aborted no agent is started again, and the store is not waited for. */
  launch(run: JobRun, stop: AbortSignal): void {
    const { log, onEnd } = this.#options
    const ending = this.#execute(run, stop)
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        log.error(`a run could not be settled, its lease will run out: ${message}`, fieldsOf(run))
      })
      .finally(() => {
        this.#active.delete(ending)
        onEnd()
      })
    this.#active.add(ending)
  }

  /** Resolves when none is left. */
  async settled(): Promise<void> {
    while (this.#active.size > 0) await Promise.all(this.#active)
  }

  /** A claim whose agent has not begun is tried again; the store ends that after three claims. */
  async #execute(claimed: JobRun, stop: AbortSignal): Promise<void> {
    const { runs, runJob, keepRuns, log, outage, observer } = this.#options
    let next: JobRun | undefined = claimed
    while (next) {
      const run: JobRun = next
      const fire = run.scheduledFor.toISOString()
      log.info('run started', { ...fieldsOf(run), fire, trigger: run.trigger })
      const exit = await runJob(run)
      const token = randomUUID()
      const settled = await outage.persist('settling a run', () => this.#settle(run, exit, token, stop), stop)
      if (!settled) throw new Error('the store did not answer')
      const { left, byOther } = settled
      if (!byOther && !OPEN_STATES.includes(left.state)) observer?.ended(left.state, 1)
      const reason = left.reason === undefined ? {} : { reason: left.reason }
      log[left.state === 'succeeded' ? 'info' : 'warn'](`run ${left.state}`, { ...fieldsOf(left), ...reason })
      next = left.state === 'claimed' && left.fence > run.fence && left.token === token ? left : undefined
    }
    await outage.persist('pruning runs', () => runs.prune(claimed.jobId, keepRuns), stop)
  }

  /** The run as it stands after its process has ended, and whether somebody else has taken or ended it. */
  async #settle(run: JobRun, exit: RunExit, token: string, stop: AbortSignal) {
    const { runs, owner, host, health } = this.#options
    const { reason, interrupted } = exit
    const left = await runs.get(run.id)
    const byOther = left.fence !== run.fence || left.state === 'lost'
    if (byOther || !OPEN_STATES.includes(left.state)) return { left, byOther }
    if (left.state === 'running' && interrupted) {
      return { left: await runs.finish(run.id, run.fence, { state: 'interrupted', reason }), byOther }
    }
    // Nobody begins anything while this daemon stops: the next one takes the claim over.
    if (left.state === 'claimed' && stop.aborted) return { left, byOther }
    // A newer schema may be why the agent did not begin: the claim is left to a daemon of that release.
    if (left.state === 'claimed') await health()
    return { left: await runs.reap(run.id, { fence: run.fence, reason }, { owner, host, token }), byOther }
  }
}

function fieldsOf({ jobId, id, fence }: JobRun): { job: string; run: string; fence: number } {
  return { job: jobId, run: id, fence }
}
