import type { Conversation } from './conversations.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { Plan } from './plans.ts'
import type { ScheduledJob } from './scheduled-jobs.ts'
import type { SessionGroup } from './session-groups.ts'

/** A running `infer channels-manager`, as it says of itself. */
export interface DaemonPresence {
  /** Random, new at each start. */
  id: string
  host: string
  pid: number
  version: string
  /** Version of the zone database, such as `2026a`. */
  tzdata: string
  timezone: string
  since: Date
  /** Whether it runs jobs; one that only serves channels does not. */
  scheduler: boolean
  /** At the last beat, a due fire had been unclaimed for 60 s while this daemon had a free slot. */
  behind: boolean
  /** Its clock at the last beat, so that others see a skew against `lastBeat`. */
  clock: Date
}

export interface SeenDaemon extends DaemonPresence {
  /** Store time of the last beat. */
  lastBeat: Date
}

/** A named right that one process at a time holds. */
export interface Lease {
  name: string
  owner: string
  /** Rises with each new holder. */
  fence: number
  /** Changes with every renewal. An observer that sees it unchanged for 60 s of its own monotonic clock may take it. */
  beat: number
}

/** A message of a channel on its way to an agent. */
export interface InboxMessage {
  /** Unique in its channel. */
  id: string
  /** Messages of one sender are handled one at a time, in the order of arrival. */
  sender: string
  body: JsonValue
  state: 'waiting' | 'taken'
  /** Fence of the channel lease that took it. */
  fence?: number
  receivedAt: Date
}

/** A question to a person that must survive a restart. */
export interface PendingApproval {
  id: string
  channel: string
  runId: string
  toolCallId: string
  approver: string
  body: JsonValue
  expiresAt: Date
}

/** One record that came from elsewhere; `key` names it within its source. */
export type ImportRecord = { key: string } & (
  | { kind: 'job'; job: ScheduledJob; lastRun?: Date; lastError?: string }
  | { kind: 'plan'; plan: Plan }
  | { kind: 'history'; command: string }
  | { kind: 'conversation'; conversation: Omit<Conversation, 'damage'> }
  | { kind: 'session_group'; groupKey: string; group: SessionGroup }
  /** No record: only the key is noted, as `already`, such as a state of the source that was dealt with. */
  | { kind: 'seen' }
)

/** What several processes share beside the records themselves. */
export interface CoordinationStorage {
  /** Says "I am alive". The store stamps its own time. */
  beat(daemon: DaemonPresence): Promise<void>
  leave(daemonId: string): Promise<void>
  /** All that were seen in the last 24 hours, longest running first; older ones are forgotten. */
  daemons(): Promise<SeenDaemon[]>

  lease(name: string): Promise<Lease | undefined>
  /**
   * Takes a lease that is free, or whose holder is exactly `expired` (fence and beat seen unchanged for too long).
   * Undefined when somebody else holds it. Taking what one holds already returns it.
   */
  acquireLease(name: string, owner: string, expired?: { fence: number; beat: number }): Promise<Lease | undefined>
  /** E_CONFLICT when the lease is no longer held on this fence. */
  renewLease(name: string, fence: number): Promise<Lease>
  /** Frees it; nothing happens when it is no longer held on this fence. */
  releaseLease(name: string, fence: number): Promise<void>

  /** The position up to which a channel's messages were accepted; undefined before the first. */
  inboxOffset(channel: string): Promise<number | undefined>
  /**
   * Stores new messages and the offset behind them in one write. E_CONFLICT unless the stored offset is `expected`;
   * the same write again is a success.
   */
  acceptMessages(
    channel: string,
    expected: number | undefined,
    offset: number,
    messages: readonly { id: string; sender: string; body: JsonValue }[],
  ): Promise<void>
  /** All messages that are not done, in the order of arrival. */
  inbox(channel: string): Promise<InboxMessage[]>
  /** `waiting`, or `taken` on an older fence, -> `taken`. E_CONFLICT otherwise, E_NOT_FOUND when it is done. */
  takeMessage(channel: string, id: string, fence: number): Promise<InboxMessage>
  /** Removes a message that was handled. Nothing happens when it is gone already. */
  finishMessage(channel: string, id: string): Promise<void>

  saveApproval(approval: PendingApproval): Promise<void>
  approvals(channel: string): Promise<PendingApproval[]>
  /** Removes it; true for exactly one caller. */
  resolveApproval(channel: string, id: string): Promise<boolean>

  /**
   * What a copy to another backend must not lose, by key: inboxes with their offsets, unanswered approvals, and the
   * fences of leases (without their holder), because inboxes and deliveries hold such fences. Presence is no part.
   */
  records(): Promise<Map<string, JsonObject>>
  /** Stores such a record; false when there is one of that key already. */
  restore(key: string, record: JsonObject): Promise<boolean>

  /** Every source that has a row in the ledger of imports, ascending. */
  importSources(): Promise<string[]>
  /** Adds rows to the ledger without their records; rows that are there stay as they are. */
  restoreImports(source: string, outcomes: ReadonlyMap<string, 'import' | 'already'>): Promise<void>

  /** The keys of a source that were dealt with, with what became of them. */
  imported(source: string): Promise<Map<string, 'import' | 'already'>>
  /**
   * Takes records in: each together with its ledger row in one atomic step. A record whose key is in the ledger, or
   * (for all but history) whose id exists, is left alone (`already`). Killed at any point, a second call completes
   * the first and nothing stands twice. Imported jobs start with their cursor at the store's now. Several records may
   * share a step; history lines stand in the order in which they are given.
   */
  import(source: string, records: readonly ImportRecord[]): Promise<Map<string, 'import' | 'already'>>
}
