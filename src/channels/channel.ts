/** A document of the store, so nothing but JSON. */
export type IncomingBody =
  | { kind: 'text'; text: string }
  /** A button was pressed: the id of the decision, and what the channel needs to answer it. */
  | { kind: 'button'; approval: string; approved: boolean; query: string; message: string }
  /** Something that is no text, such as a photo. */
  | { kind: 'other' }

/** What an authorised person has sent. */
export interface Incoming {
  /** Unique in the account, the same when the channel hands it over again. */
  readonly id: string
  readonly sender: string
  readonly body: IncomingBody
}

/** Where a channel puts what it receives. */
export interface ChannelInbox {
  /** The position from which to receive; undefined before the first message. */
  readonly offset: number | undefined
  /** Keeps messages and the offset behind them, in one write. Rejects when that cannot be done any more: receive no more. */
  accept(messages: readonly Incoming[], offset: number): Promise<void>
}

/** A call of a tool about which a person is to decide. */
export interface Question {
  readonly recipient: string
  /** Id of the decision, at most 32 characters of base64url. */
  readonly approval: string
  readonly tool: string
  /** The JSON text that the model wrote. */
  readonly args: string
  /** What it amounts to, where the arguments alone do not say it. */
  readonly description?: string
  /** For how many minutes it may be answered. */
  readonly minutes: number
}

/** A question that a person has before them. */
export interface AskedQuestion {
  /** Shows what became of it in place of the buttons. */
  settle(outcome: string, signal: AbortSignal): Promise<void>
}

/**
 * A way to talk to the agent from elsewhere. Whatever goes out throws a ChannelError: `refused` when the same again
 * would be refused again, else it may pass. Nobody but the holder of the account's lease uses one.
 */
export interface Channel {
  /** As in the session key `channel-<name>-<recipient>`, without a hyphen. */
  readonly name: string
  /** Names the account, without a secret: its lease, inbox and approvals are kept under it. */
  readonly account: string
  /** Receives until the signal aborts, however long the network is away. Rejects with what `accept` rejects with. */
  start(inbox: ChannelInbox, signal: AbortSignal): Promise<void>
  /** Whether this person may be talked to. */
  allows(recipient: string): boolean
  /** Cuts markdown into texts that each fit into one message together with `MARK_LENGTH` characters before it. */
  split(markdown: string): readonly string[]
  /** Sends one message; markdown is rendered. */
  send(message: { recipient: string; text: string }, signal: AbortSignal): Promise<void>
  /** Shows that an answer is being worked on, until the signal aborts. Never fails. */
  showWorking(recipient: string, signal: AbortSignal): void
  ask(question: Question, signal: AbortSignal): Promise<AskedQuestion>
  /** Answers a pressed button with a short notice; a stale one loses its buttons. */
  answerButton(sender: string, button: Button, notice: string, stale: boolean, signal: AbortSignal): Promise<void>
}

export type Button = Extract<IncomingBody, { kind: 'button' }>

/** Room that `split` leaves in each text, in UTF-16 units. */
export const MARK_LENGTH = 96
