import type { Log } from '#log.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { channelLease } from './account.ts'
import type { StartAgent } from './agent-process.ts'
import { Approvals } from './approvals.ts'
import type { Channel, Incoming } from './channel.ts'
import { ChannelLease, type ChannelLeaseOptions, type Term } from './channel-lease.ts'
import { Delivery } from './delivery.ts'
import { Messages } from './messages.ts'
import { Outbox } from './outbox.ts'
import { pause } from './pause.ts'
import { hasCode, type Persist } from './persist.ts'
import { StoredInbox } from './stored-inbox.ts'

/** How long a question may be answered, in ms. */
const APPROVAL_EXPIRY_MS = 300_000
/** Pause after a failure of the store that does not pass, in ms. */
const RETRY_MS = 30_000

export interface ServeChannelOptions extends Pick<ChannelLeaseOptions, 'renewMs' | 'lookMs' | 'expireMs' | 'onStore'> {
  readonly channel: Channel
  readonly stores: Pick<Stores, 'coordination' | 'jobRuns' | 'sessionGroups'>
  /** Id of the daemon. */
  readonly owner: string
  readonly startAgent: StartAgent
  readonly maxWorkers: number
  readonly persist: Persist
  readonly log: Log
  /** Default 5 minutes. */
  readonly approvalExpiryMs?: number
  /** Called with each new delivery; it is told when a run may have ended. */
  readonly onDelivery?: (delivery: Pick<Delivery, 'hint'> | undefined) => void
}

/**
 * Serves a channel while this daemon holds its lease: receives, has agents answer, and delivers the results of jobs.
 * `stop` ends receiving and lets agents finish, `end` ends them; then it resolves. Never rejects.
 */
export async function serveChannel(options: ServeChannelOptions, stop: AbortSignal, end: AbortSignal): Promise<void> {
  const { channel, stores, log } = options
  const lease = new ChannelLease({ ...options, coordination: stores.coordination, name: channelLease(channel.account) })
  let said: string | undefined
  while (!stop.aborted) {
    try {
      await lease.hold(stop, (term) => serveTerm(options, term, stop, end))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== said) log.error(`the channel ${channel.name} cannot be served at present: ${message}`)
      said = message
      await pause(RETRY_MS, stop)
    }
  }
}

async function serveTerm(options: ServeChannelOptions, term: Term, stop: AbortSignal, end: AbortSignal): Promise<void> {
  const { channel, stores, persist, log } = options
  const { coordination, sessionGroups, jobRuns: runs } = stores
  const failed = new AbortController()
  const over = AbortSignal.any([stop, term.lost, failed.signal])
  const inbox = new StoredInbox(coordination, { account: channel.account, fence: term.fence, persist })
  const outbox = new Outbox(channel, term)
  const approvals = new Approvals({
    channel,
    coordination,
    persist,
    log,
    deliver: outbox.deliver,
    expiryMs: options.approvalExpiryMs ?? APPROVAL_EXPIRY_MS,
  })
  const messages = new Messages({
    ...options,
    inbox,
    outbox,
    approvals,
    sessionGroups,
    stop: over,
    end,
    lost: term.lost,
  })
  const delivery = new Delivery({ channel, runs, term, persist, log })
  options.onDelivery?.(delivery)
  log.info('channel served', { channel: channel.name, account: channel.account, fence: term.fence })
  try {
    await approvals.forgetAll(over)
    const left = await inbox.items(over)
    const offset = await inbox.offset(over)
    if (over.aborted) return
    messages.add(left)
    const loops = [receive(channel, inbox, offset, messages, over), delivery.run(over)]
    await Promise.all(loops.map((loop) => loop.finally(() => failed.abort())))
  } finally {
    failed.abort()
    await messages.settled()
    options.onDelivery?.(undefined)
  }
}

async function receive(
  channel: Channel,
  inbox: StoredInbox,
  from: number | undefined,
  messages: Messages,
  signal: AbortSignal,
): Promise<void> {
  const state = { offset: from }
  const accept = async (incoming: readonly Incoming[], to: number) => {
    if (!(await inbox.accept(incoming, { from: state.offset, to }, signal))) return
    state.offset = to
    messages.add(incoming.map((one) => ({ ...one, interrupted: false })))
  }
  try {
    await channel.start({ offset: from, accept }, signal)
  } catch (error) {
    // Another daemon has stored messages: the lease says so in a moment, and the offset is read anew.
    if (!hasCode(error, 'E_CONFLICT')) throw error
  }
}
