import type { CoordinationStorage, InboxMessage } from '#storage/contract/coordination.ts'
import type { Incoming, IncomingBody } from './channel.ts'
import { hasCode, type Persist } from './persist.ts'

/** A stored message whose body was read. */
export interface Item extends Incoming {
  /** It was taken under an earlier fence, so whoever worked on it is gone. */
  readonly interrupted: boolean
}

/** The inbox of an account under one fence: what it takes nobody else has, and nobody takes it again. */
export class StoredInbox {
  readonly #coordination: Pick<
    CoordinationStorage,
    'inboxOffset' | 'acceptMessages' | 'inbox' | 'takeMessage' | 'finishMessage'
  >
  readonly #account: string
  readonly #fence: number
  readonly #persist: Persist

  constructor(
    coordination: CoordinationStorage,
    { account, fence, persist }: { account: string; fence: number; persist: Persist },
  ) {
    this.#coordination = coordination
    this.#account = account
    this.#fence = fence
    this.#persist = persist
  }

  async offset(signal: AbortSignal): Promise<number | undefined> {
    return await this.#persist(() => this.#coordination.inboxOffset(this.#account), signal)
  }

  /** What is not done, in the order of arrival. */
  async items(signal: AbortSignal): Promise<Item[]> {
    const messages = (await this.#persist(() => this.#coordination.inbox(this.#account), signal)) ?? []
    return messages.map(itemOf)
  }

  /** Stores messages with the offset behind them. False when the signal aborts first; E_CONFLICT when somebody else did. */
  async accept(
    messages: readonly Incoming[],
    { from, to }: { from: number | undefined; to: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const stored = messages.map(({ id, sender, body }) => ({ id, sender, body }))
    const act = async () => {
      await this.#coordination.acceptMessages(this.#account, from, to, stored)
      return true
    }
    return (await this.#persist(act, signal)) ?? false
  }

  /** Whether this caller is to handle the message. */
  async take({ id }: Incoming, signal: AbortSignal): Promise<boolean> {
    try {
      const taken = await this.#persist(() => this.#coordination.takeMessage(this.#account, id, this.#fence), signal)
      return taken !== undefined
    } catch (error) {
      if (hasCode(error, 'E_NOT_FOUND')) return false
      if (!hasCode(error, 'E_CONFLICT')) throw error
      // The reply to an earlier attempt was lost: under a fence nothing is taken twice.
      const messages = await this.#persist(() => this.#coordination.inbox(this.#account), signal)
      return messages?.find((message) => message.id === id)?.fence === this.#fence
    }
  }

  async finish({ id }: Incoming, signal: AbortSignal): Promise<void> {
    await this.#persist(() => this.#coordination.finishMessage(this.#account, id), signal)
  }
}

function itemOf({ id, sender, body, state }: InboxMessage): Item {
  return { id, sender, body: bodyOf(body), interrupted: state === 'taken' }
}

/** A body of a release that knew other kinds counts as something that is no text. */
function bodyOf(body: unknown): IncomingBody {
  const kind = typeof body === 'object' && body !== null && 'kind' in body ? body.kind : undefined
  return kind === 'text' || kind === 'button' ? (body as IncomingBody) : { kind: 'other' }
}
