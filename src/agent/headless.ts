import { InferError } from '#errors.ts'
import type { ConversationStorage } from '#storage/contract/conversations.ts'
import type { SessionGroupStorage } from '#storage/contract/session-groups.ts'
import { type ConverseOptions, converse } from './converse.ts'
import { LinePrinter, type LinePrinterOptions } from './line-printer.ts'
import { type OpenedSession, openSession } from './open-session.ts'
import { type AgentLine, timestamp } from './protocol.ts'
import { redactError, redactJson, redactNothing } from './redact.ts'
import { rollOverWhenDue } from './rollover.ts'

export interface HeadlessOptions extends Omit<ConverseOptions, 'model' | 'onEvent'>, LinePrinterOptions {
  readonly conversations: ConversationStorage
  readonly sessionGroups: SessionGroupStorage
  readonly chooseModel: (signal: AbortSignal) => Promise<string>
  /** The first user message, files included. */
  readonly task: () => Promise<string>
  /** Id or group key; undefined starts a new conversation. */
  readonly sessionId?: string | undefined
  /** Id of the conversation when it is new and nothing was asked for. */
  readonly newId?: string | undefined
  /** False with `--no-save`. */
  readonly save: boolean
  /** Aborted with an InferError that says why the run was stopped. */
  readonly signal: AbortSignal
  /** For how many ms storing a message is repeated while the store does not answer. */
  readonly retryForMs: number
}

export interface HeadlessResult {
  /** Why it failed or was interrupted; it has been printed as an agent_error line. */
  readonly error?: unknown
  /** The last text of the agent, or what a tool ended the run with. */
  readonly output: string
}

/** The task that only moves a session group on to a new conversation. */
const NEW = '/new'
/** How long titles may take once everything else is done, in ms. */
const TITLES_MS = 3_000

/**
 * One task from beginning to end: session, loop, storing, and the lines of protocol.ts. Every message is stored before
 * it is printed. An error is a line and a result, never thrown; no line and no error holds a secret.
 *
 * A group whose session has rested for too long goes on in a new conversation first. The task `/new` does only that.
 */
export async function runHeadless(options: HeadlessOptions): Promise<HeadlessResult> {
  const { signal, titles, conversations, now, redact = redactNothing } = options
  const emit = (line: AgentLine) => options.emit(redactJson(line, redact))
  const printer = new LinePrinter({ ...options, emit })
  let opened: OpenedSession | undefined
  let error: unknown
  try {
    signal.throwIfAborted()
    printer.model = await options.chooseModel(signal)
    // What was attached may hold a secret, which neither the model nor the store needs.
    const task = redact(await options.task())
    if (task.trim() === '') throw new InferError('E_USAGE', 'The task is empty.', { hint: 'infer agent "TASK"' })
    opened = await openSession({ ...sessionOptions(options, printer), asked: options.sessionId, signal })
    const asksNew = task.trim() === NEW && opened.group !== undefined
    const rolled = await rollOverWhenDue(opened, {
      ...options,
      asksNew,
      model: printer.model,
      settings: options.compaction,
      warn: (message) => printer.warn(message),
    })
    if (rolled) printer.event(rolled)
    printer.opened(opened, rolled !== undefined)
    if (!asksNew) {
      await opened.session.addUser(task)
      printer.user(task)
      await converse(opened, { ...options, model: printer.model, onEvent: (event) => printer.event(event) })
    }
  } catch (cause) {
    error = redactError(signal.aborted ? signal.reason : cause, redact)
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
    emit({
      type: 'agent_error',
      message: error instanceof Error ? error.message : String(error),
      ...hint,
      ...timestamp(),
    })
  } finally {
    if (opened) emit(printer.stats(opened.session.id))
  }
  await titles?.settle(error === undefined ? TITLES_MS : 0, conversations, now())
  const output = redact(printer.output)
  return error === undefined ? { output } : { error, output }
}

function sessionOptions(options: HeadlessOptions, printer: LinePrinter) {
  const { conversations, sessionGroups, save, prices, now: clock, retryForMs, newId } = options
  const { model } = printer
  const warn = (message: string) => printer.warn(message)
  return { conversations, sessionGroups, save, prices, now: clock, retryForMs, newId, model, warn }
}
