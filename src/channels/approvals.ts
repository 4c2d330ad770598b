import { randomBytes } from 'node:crypto'
import type { ApprovalRequestLine } from '#agent/protocol.ts'
import type { Log } from '#log.ts'
import type { CoordinationStorage } from '#storage/contract/coordination.ts'
import type { AskedQuestion, Button, Channel } from './channel.ts'
import { isRefusal } from './channel-error.ts'
import type { Persist } from './persist.ts'

/** What came of a question, for the agent. */
export interface Decision {
  readonly approved: boolean
  readonly feedback?: string
}

export interface ApprovalsOptions {
  readonly channel: Channel
  readonly coordination: Pick<CoordinationStorage, 'saveApproval' | 'approvals' | 'resolveApproval'>
  readonly persist: Persist
  /** Does something with the channel, and again while its failure may pass. Rejects with a refusal, or when it is over. */
  readonly deliver: <T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>
  readonly log: Log
  /** How long a question may be answered, in ms. */
  readonly expiryMs: number
}

interface Open {
  readonly approver: string
  readonly expiresAt: Date
  readonly decide: (decision: Decision) => void
  /** Somebody in this process is deciding. */
  taken: boolean
}

/**
 * The questions that agents have before people. One belongs to a message, a call of a tool and an approver; it is stored
 * before it is asked, and of all that answer it (a button, its expiry, the end of its agent) the store lets one.
 */
export class Approvals {
  readonly #options: ApprovalsOptions
  readonly #open = new Map<string, Open>()

  constructor(options: ApprovalsOptions) {
    this.#options = options
  }

  /** Forgets the questions of agents that are gone with their daemon: their buttons are stale. */
  async forgetAll(signal: AbortSignal): Promise<void> {
    const { coordination, channel, persist } = this.#options
    const left = await persist(() => coordination.approvals(channel.account), signal)
    for (const { id } of left ?? []) await persist(() => coordination.resolveApproval(channel.account, id), signal)
  }

  /** Asks `approver` about a call of the agent that works on the message `runId`. Rejects when the signal aborts. */
  async ask(
    request: ApprovalRequestLine,
    { runId, approver }: { runId: string; approver: string },
    signal: AbortSignal,
  ): Promise<Decision> {
    const { channel, coordination, persist, expiryMs } = this.#options
    const id = randomBytes(12).toString('base64url')
    const expiresAt = new Date(Date.now() + expiryMs)
    const { tool_call_id: toolCallId, tool_name: tool, tool_args: args, description } = request
    const record = { id, channel: channel.account, runId, toolCallId, approver, body: { tool }, expiresAt }
    const decided = Promise.withResolvers<Decision>()
    const abort = () => decided.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    // It may reject before anybody waits for it.
    decided.promise.catch(() => {})
    const save = async () => {
      await coordination.saveApproval(record)
      return true
    }
    if (!(await persist(save, signal))) throw new Error('the question could not be stored')
    this.#open.set(id, { approver, expiresAt, decide: decided.resolve, taken: false })
    const timer = setTimeout(() => void this.#expire(id), expiryMs)
    let asked: AskedQuestion | undefined
    let outcome = 'No longer needed.'
    try {
      const minutes = Math.max(1, Math.round(expiryMs / 60_000))
      const question = { recipient: approver, approval: id, tool, args, minutes, ...(description && { description }) }
      asked = await this.#options.deliver((stop) => channel.ask(question, stop), signal)
      const decision = await decided.promise
      outcome = decision.feedback ?? (decision.approved ? 'Approved.' : 'Rejected.')
      return decision
    } catch (error) {
      if (!isRefusal(error)) throw error
      return { approved: false, feedback: `Nobody could be asked: ${error.message}.` }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      const taken = this.#open.get(id)?.taken
      this.#open.delete(id)
      if (!taken) await this.#resolve(id)
      await this.#settle(asked, outcome)
    }
  }

  /** A button was pressed. Only one of a question that is open, by its approver and in time, decides anything. */
  async press(sender: string, button: Button, signal: AbortSignal): Promise<void> {
    const { channel, deliver } = this.#options
    const open = this.#open.get(button.approval)
    const valid = open?.approver === sender && open.expiresAt.getTime() > Date.now() && !open.taken
    if (valid) open.taken = true
    const wins = valid && (await this.#resolve(button.approval))
    if (wins) open.decide({ approved: button.approved })
    else if (valid) open.decide({ approved: false, feedback: 'The question was no longer valid.' })
    const notice = wins
      ? button.approved
        ? 'Approved.'
        : 'Rejected.'
      : 'This is no longer valid, nothing was changed.'
    await deliver((stop) => channel.answerButton(sender, button, notice, !wins, stop), signal)
  }

  async #expire(id: string): Promise<void> {
    const open = this.#open.get(id)
    if (open === undefined || open.taken) return
    open.taken = true
    await this.#resolve(id)
    const minutes = Math.round(this.#options.expiryMs / 60_000)
    open.decide({ approved: false, feedback: `Nobody answered within ${minutes} minutes.` })
  }

  /** Whether this is the caller that may decide. */
  async #resolve(id: string): Promise<boolean> {
    const { coordination, channel, persist, log } = this.#options
    const patience = AbortSignal.timeout(10_000)
    try {
      return (await persist(() => coordination.resolveApproval(channel.account, id), patience)) ?? false
    } catch (error) {
      log.error(`a decision could not be stored: ${String(error)}`)
      return false
    }
  }

  /** The decision stands whether or not this can be shown. */
  async #settle(asked: AskedQuestion | undefined, outcome: string): Promise<void> {
    await asked?.settle(outcome, AbortSignal.timeout(10_000)).catch((error: unknown) => {
      this.#options.log.debug(`a decision could not be shown: ${String(error)}`)
    })
  }
}
