import type { Log } from '#log.ts'
import type { SessionGroupStorage } from '#storage/contract/session-groups.ts'
import type { StartAgent } from './agent-process.ts'
import { type AgentTaskOptions, finishTask, type TaskEnd } from './agent-task.ts'
import type { Approvals } from './approvals.ts'
import type { Channel, Incoming } from './channel.ts'
import { isRefusal } from './channel-error.ts'
import { HELP, parseCommand } from './command.ts'
import { freshSession } from './fresh-session.ts'
import { NotSent, type Outbox } from './outbox.ts'
import type { Persist } from './persist.ts'
import type { Item, StoredInbox } from './stored-inbox.ts'

/** How long people are still told something after the daemon was asked to end at once, in ms. */
const LAST_WORDS_MS = 5_000
const QUOTED = 60

export interface MessagesOptions {
  readonly channel: Channel
  readonly inbox: StoredInbox
  readonly outbox: Outbox
  readonly approvals: Approvals
  readonly sessionGroups: Pick<SessionGroupStorage, 'get' | 'put'>
  readonly startAgent: StartAgent
  readonly persist: Persist
  readonly log: Log
  /** Messages that are worked on at the same time. */
  readonly maxWorkers: number
  /** Nothing new is begun. */
  readonly stop: AbortSignal
  /** What is being worked on is ended, and the people told. */
  readonly end: AbortSignal
  /** What is being worked on is ended, and nothing said: others serve the channel. */
  readonly lost: AbortSignal
}

interface Work {
  readonly item: Item
  readonly since: number
  /** Aborts at /stop. */
  readonly stopped: AbortController
  readonly done: Promise<void>
}

/**
 * Handles messages, each once: those of a person one after the other, of so many people at a time; buttons and commands
 * at once. A message is taken in the store before anything is done for it, and one that was taken under an earlier fence
 * is not done again: its agent may have changed something, so its sender is told.
 */
export class Messages {
  readonly #options: MessagesOptions
  readonly #waiting: Item[] = []
  readonly #working = new Map<string, Work>()
  readonly #handling = new Set<Promise<void>>()

  constructor(options: MessagesOptions) {
    this.#options = options
  }

  add(items: readonly Item[]): void {
    for (const item of items) {
      if (item.interrupted) void this.#track(item, (signal) => this.#tellInterrupted(item, signal))
      else if (isUrgent(item)) void this.#track(item, (signal) => this.#answerAtOnce(item, signal))
      else this.#waiting.push(item)
    }
    this.#begin()
  }

  /** Resolves when nothing is being handled. */
  async settled(): Promise<void> {
    while (this.#handling.size > 0) await Promise.all(this.#handling)
  }

  #begin(): void {
    const { stop, lost, maxWorkers } = this.#options
    for (const item of [...this.#waiting]) {
      if (stop.aborted || lost.aborted || this.#working.size >= maxWorkers) return
      if (this.#working.has(item.sender)) continue
      this.#waiting.splice(this.#waiting.indexOf(item), 1)
      const stopped = new AbortController()
      const done = this.#track(item, (signal) => this.#work(item, stopped.signal, signal))
      this.#working.set(item.sender, { item, since: performance.now(), stopped, done })
      void done.then(() => {
        this.#working.delete(item.sender)
        this.#begin()
      })
    }
  }

  /** Takes a message, handles it, and finishes it; the promise never rejects. One that could not be handled stays taken. */
  #track(item: Item, handle: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { inbox, log, lost, end } = this.#options
    const handling = async () => {
      const last = lateAfter(end, LAST_WORDS_MS)
      const signal = AbortSignal.any([lost, last.signal])
      try {
        if (!(await inbox.take(item, AbortSignal.any([signal, end])))) return
        await handle(signal).catch((error: unknown) => {
          if (!isRefusal(error)) throw error
          log.warn(`a person cannot be told anything: ${error.message}`, { sender: item.sender })
        })
        await inbox.finish(item, signal)
      } catch (error) {
        if (!(error instanceof NotSent))
          log.error(`a message could not be handled: ${messageOf(error)}`, { id: item.id })
      } finally {
        last.clear()
      }
    }
    const tracked = handling().finally(() => this.#handling.delete(tracked))
    this.#handling.add(tracked)
    return tracked
  }

  async #say({ sender }: Incoming, text: string, signal: AbortSignal): Promise<void> {
    await this.#options.outbox.say(sender, text, signal)
  }

  async #tellInterrupted(item: Item, signal: AbortSignal): Promise<void> {
    const { body, sender } = item
    if (body.kind === 'button') return await this.#options.approvals.press(sender, body, signal)
    if (body.kind === 'text' && !isUrgent(item)) await this.#say(item, interrupted(body.text), signal)
    else await this.#answerAtOnce(item, signal)
  }

  async #answerAtOnce(item: Item, signal: AbortSignal): Promise<void> {
    const { body, sender } = item
    if (body.kind === 'button') return await this.#options.approvals.press(sender, body, signal)
    if (body.kind === 'other') return await this.#say(item, 'I understand text only.', signal)
    switch (parseCommand(body.text)?.name) {
      case 'stop':
        return await this.#say(item, await this.#stop(sender), signal)
      case 'status':
        return await this.#say(item, await this.#status(sender, signal), signal)
      default:
        return await this.#say(item, HELP, signal)
    }
  }

  async #stop(sender: string): Promise<string> {
    const work = this.#working.get(sender)
    const wait = this.#waitingOf(sender)
    if (work === undefined) return `Nothing is running. ${wait}`.trim()
    work.stopped.abort()
    await work.done
    return `Stopped. ${wait}`.trim()
  }

  async #status(sender: string, signal: AbortSignal): Promise<string> {
    const { persist, sessionGroups } = this.#options
    const work = this.#working.get(sender)
    const group = await persist(() => sessionGroups.get(this.#sessionKey(sender)), signal)
    const seconds = work && Math.round((performance.now() - work.since) / 1_000)
    return [
      work === undefined ? 'Nothing is running.' : `Working on ${quoted(textOf(work.item))} for ${seconds} s.`,
      this.#waitingOf(sender),
      group === undefined ? 'No conversation yet.' : `Conversation \`${group.currentSessionId}\`.`,
    ]
      .filter((line) => line !== '')
      .join('\n')
  }

  #waitingOf(sender: string): string {
    const count = this.#waiting.filter((item) => item.sender === sender).length
    if (count === 0) return ''
    return count === 1 ? 'One more message waits.' : `${count} more messages wait.`
  }

  #sessionKey(sender: string): string {
    return `channel-${this.#options.channel.name}-${sender}`
  }

  /** A task, or /new with or without one. */
  async #work(item: Item, stopped: AbortSignal, signal: AbortSignal): Promise<void> {
    const command = parseCommand(textOf(item))
    const task = command === undefined ? textOf(item) : command.rest
    if (command !== undefined && !(await this.#begunAnew(item, stopped, signal))) return
    if (task === '') return
    const ended = await this.#agent(item, task, stopped)
    if (ended.kind === 'told') await this.#say(item, ended.text, signal)
    else await this.#tellAborted(item, stopped, signal)
  }

  /** False when it was ended first. An agent that cannot sum the old conversation up does not keep anybody in it. */
  async #begunAnew(item: Item, stopped: AbortSignal, signal: AbortSignal): Promise<boolean> {
    const { sessionGroups, persist } = this.#options
    const key = this.#sessionKey(item.sender)
    const group = await persist(() => sessionGroups.get(key), signal)
    const ended = group && (await this.#agent(item, '/new', stopped))
    if (ended?.kind === 'aborted') {
      await this.#tellAborted(item, stopped, signal)
      return false
    }
    if (!ended?.movedOn) {
      const move = async () => {
        await freshSession(sessionGroups, key, new Date())
        return true
      }
      if (!(await persist(move, signal))) throw new NotSent('the channel stops')
    }
    const summary = ended?.movedOn ? ' with a summary of the old one' : ''
    await this.#say(item, `A new conversation begins${summary}.`, signal)
    return true
  }

  async #tellAborted(item: Item, stopped: AbortSignal, signal: AbortSignal): Promise<void> {
    if (!stopped.aborted) await this.#say(item, interrupted(textOf(item)), signal)
  }

  async #agent(item: Item, task: string, stopped: AbortSignal): Promise<TaskEnd> {
    const { channel, approvals, startAgent, stop, end, lost, log } = this.#options
    const { sender, id: runId } = item
    let working = new AbortController()
    const showWorking = () => {
      working = new AbortController()
      channel.showWorking(sender, AbortSignal.any([working.signal, lost]))
    }
    let questions = 0
    // While a question is open it is the person who is waited for.
    const ask: AgentTaskOptions['ask'] = async (request, over) => {
      questions += 1
      working.abort()
      try {
        // Nobody receives the answer any more once the daemon stops.
        return await approvals.ask(request, { runId, approver: sender }, AbortSignal.any([over, stop]))
      } finally {
        questions -= 1
        if (questions === 0 && !over.aborted) showWorking()
      }
    }
    showWorking()
    log.info('agent started for a message', { channel: channel.name, id: runId, sender })
    const ended = await finishTask(startAgent(this.#sessionKey(sender), task), {
      ask,
      signal: AbortSignal.any([stopped, end, lost]),
    }).finally(() => working.abort())
    log.info('agent ended for a message', { channel: channel.name, id: runId, sender })
    if (lost.aborted) throw new NotSent('the channel is served elsewhere')
    return ended
  }
}

/** What is not queued behind the sender's earlier messages: all but tasks and /new. */
function isUrgent({ body }: Incoming): boolean {
  if (body.kind !== 'text') return true
  const command = parseCommand(body.text)
  return command !== undefined && command.name !== 'new'
}

function textOf({ body }: Incoming): string {
  return body.kind === 'text' ? body.text : ''
}

function quoted(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  const characters = Array.from(line.slice(0, 2 * QUOTED))
  return `“${characters.length <= QUOTED ? line : `${characters.slice(0, QUOTED).join('')}…`}”`
}

function interrupted(text: string): string {
  return `Your message ${quoted(text)} was interrupted by a restart. What had been done for it was not undone, and it is not repeated by itself: send it again if it is still needed.`
}

/** A signal that aborts so many ms after another one. */
function lateAfter(signal: AbortSignal, ms: number): { signal: AbortSignal; clear(): void } {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setTimeout(() => late.abort(), ms)
  }
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return {
    signal: late.signal,
    clear: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', begin)
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
