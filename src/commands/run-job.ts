import { hostname } from 'node:os'
import { type HeadlessResult, runHeadless } from '#agent/headless.ts'
import { type AgentLine, timestamp } from '#agent/protocol.ts'
import { runScheduled } from '#agent/scheduled-run.ts'
import { taskText } from '#agent/task-text.ts'
import { type AgentSurroundings, gatewayOf, sandboxOf, wireAgent } from '#commands/agent-setup.ts'
import type { Settings } from '#config/schema.ts'
import { parseDuration } from '#cron/index.ts'
import { chooseModel } from '#gateway/choose-model.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'

/** How long a message is tried to be stored while the store does not answer. */
const STORE_FOR_MS = 600_000

export interface RunJobOptions {
  readonly stores: Stores
  readonly settings: Settings
  /** Asked once the run is this process's; what it throws is how the run failed. */
  readonly surroundings: () => Promise<AgentSurroundings>
  /** Whether somebody waits at the keyboard: then a gateway that is not there fails the run at once. */
  readonly attended: boolean
  readonly emit: (line: AgentLine) => void
  /** Aborted, with an InferError as reason, when the run is to be interrupted. */
  readonly stop: AbortSignal
}

/**
 * Executes a claimed run in this process: takes it, works on what its snapshot says, and stores how it ended. Throws
 * before any work when the claim is no longer valid; how the work ended is the result.
 */
export async function runJob(claim: Pick<JobRun, 'id' | 'fence'>, options: RunJobOptions): Promise<HeadlessResult> {
  const { stores, settings, emit, stop, attended } = options
  const { schedule } = settings.tools
  return await runScheduled({
    runs: stores.jobRuns,
    runId: claim.id,
    fence: claim.fence,
    pid: process.pid,
    host: hostname(),
    timeout: schedule.runTimeout,
    timeoutMs: parseDuration(schedule.runTimeout),
    stop,
    work: async ({ job, sessionId, signal, beforeCall }) => {
      const around = await options.surroundings()
      await using gateway = await gatewayOf(settings, attended)
      const { channel, recipientId } = job
      const origin = channel === undefined || recipientId === undefined ? undefined : { channel, recipientId }
      const configured = settings.agent.model
      const warn = (message: string) => emit({ type: 'warning', message, ...timestamp() })
      return await runHeadless({
        ...wireAgent(around, { mode: schedule.runMode, run: { origin } }),
        client: gateway.client,
        chooseModel: (until) => chooseModel({ ...gateway, flag: job.model, configured, signal: until }),
        task: () => taskText(job.prompt, { ...around, sandbox: sandboxOf(around), files: [], warn }),
        newId: sessionId,
        save: true,
        emit,
        signal,
        beforeCall,
        retryForMs: STORE_FOR_MS,
      })
    },
  })
}
