import type { ApprovalQuestion, Decision } from '#agent/approval.ts'
import type { LoopEvent, RolledOver } from '#agent/loop.ts'
import type { OpenedSession } from '#agent/open-session.ts'
import type { Mode } from '#agent/tool.ts'
import type { ShellHistoryProvider } from './input/shell-history-provider.ts'
import { type PlanAnswer, planOf, type Question, QuestionQueue, type StoredPlan } from './question-queue.ts'
import { type LiveTurn, Transcript, type TranscriptItem } from './transcript.ts'

/** What everything on the screen is made of. A new object for each change. */
export interface ChatState {
  readonly items: readonly TranscriptItem[]
  /** Undefined while nothing is under way. */
  readonly live: LiveTurn | undefined
  readonly mode: Mode
  readonly model: string
  readonly sessionId: string
  readonly question: Question | undefined
  /** Messages that wait for the end of the turn. */
  readonly waiting: readonly string[]
  readonly usage: ChatUsage
  /** Why the store or the gateway cannot be used at present. */
  readonly away: { readonly store?: string; readonly gateway?: string }
}

export interface ChatUsage {
  readonly tokens: number
  readonly cost: number
  readonly currency: string
  /** Percent of the context window that is free; undefined while it is unknown. */
  readonly contextLeft: number | undefined
}

/** What a chat needs of the program around it. */
export interface ChatDependencies {
  /** Opens a conversation by id or group key, a new one without. */
  open(asked: string | undefined, model: string): Promise<OpenedSession>
  /** What the model is told of what was typed: the files that it mentions behind it. */
  expand(text: string, warn: (message: string) => void): Promise<string>
  /** Carries out what the last message asks for; see `converse`. */
  run(opened: OpenedSession, turn: Turn): Promise<void>
  /**
   * Moves a session group on to a new conversation that opens with a summary, when it has rested for long or `asksNew`.
   * Undefined when nothing was moved; never moves a conversation by itself.
   */
  rollOver(opened: OpenedSession, turn: RolloverTurn): Promise<RolledOver | undefined>
  /** Summarises what was said; says what came of it. */
  compact(opened: OpenedSession, model: string, signal: AbortSignal): Promise<string>
  usage(opened: OpenedSession, model: string): ChatUsage
  runShell(command: string, signal: AbortSignal): Promise<{ output: string; failed: boolean }>
  /** Throws while the store cannot be used. */
  health(): Promise<void>
  readonly history: ShellHistoryProvider
}

export interface Turn {
  readonly mode: Mode
  readonly model: string
  readonly signal: AbortSignal
  readonly approve: (question: ApprovalQuestion, signal: AbortSignal) => Promise<Decision>
  /** The answer as it was written, or the option that was picked; '' when the question was passed over. */
  readonly choose: (question: ChoiceQuestion, signal: AbortSignal) => Promise<string>
  readonly onEvent: (event: LoopEvent) => void
}

export type ChoiceQuestion = Omit<Extract<Question, { kind: 'choice' }>, 'kind'>

export interface RolloverTurn {
  readonly asksNew: boolean
  readonly model: string
  readonly signal: AbortSignal
  readonly warn: (message: string) => void
}

/** Fragments arrive faster than anybody reads: the screen hears of them at most this often, in ms. */
const NOTIFY_MS = 25
const MODES: readonly Mode[] = ['standard', 'plan', 'auto']

/** A chat without its screen: what is said, asked and under way. Screens subscribe to it. */
export class ChatSession {
  readonly #dependencies: ChatDependencies
  readonly #transcript = new Transcript()
  readonly #questions = new QuestionQueue(() => this.#changed())
  readonly #listeners = new Set<() => void>()
  #state: ChatState
  #opened: OpenedSession
  #model: string
  #mode: Mode = 'standard'
  #turn: AbortController | undefined
  /** The command of the person's own that runs. */
  #command: string | undefined
  /** Settles with the turn. */
  #work: Promise<void> = Promise.resolve()
  #waiting: readonly string[] = []
  #away: ChatState['away'] = {}
  #notifying: NodeJS.Timeout | undefined
  /** The plan that was accepted in this turn. */
  #accepted: { plan: StoredPlan; mode: Mode } | undefined

  private constructor(opened: OpenedSession, model: string, dependencies: ChatDependencies) {
    this.#dependencies = dependencies
    this.#opened = opened
    this.#model = model
    this.#transcript.show(opened.session.messages)
    this.#state = this.#snapshot()
  }

  static async open(asked: string | undefined, model: string, dependencies: ChatDependencies): Promise<ChatSession> {
    return new ChatSession(await dependencies.open(asked, model), model, dependencies)
  }

  get state(): ChatState {
    return this.#state
  }

  get history(): ShellHistoryProvider {
    return this.#dependencies.history
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Says something: at once, or when the turn that is under way has ended. Rejects never; errors are items. */
  async send(text: string): Promise<void> {
    if (this.#turn) {
      this.#waiting = [...this.#waiting, text]
      this.#changed()
      return
    }
    await this.#working((signal) => this.#take(text, signal))
  }

  /** Ends the turn that is under way; what was said stays, and what waits is given back. */
  cancel(): readonly string[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#turn?.abort(new Error('interrupted'))
    this.#changed()
    return waiting
  }

  /** Ends the turn that is under way, and waits until what was said of it is stored. */
  async end(): Promise<void> {
    this.cancel()
    await this.#work
  }

  get busy(): boolean {
    return this.#turn !== undefined
  }

  /** Whether there is something to come back to. */
  get isStored(): boolean {
    return this.#opened.session.length > 0
  }

  cycleMode(): void {
    this.setMode(MODES[(MODES.indexOf(this.#mode) + 1) % MODES.length] ?? 'standard')
  }

  setMode(mode: Mode): void {
    this.#mode = mode
    this.#changed()
  }

  setModel(model: string): void {
    this.#model = model
    this.note(`Model: ${model}`)
  }

  note(text: string): void {
    this.#transcript.add({ kind: 'note', text })
    this.#changed()
  }

  /** Shows markdown of which the conversation knows nothing. */
  show(markdown: string): void {
    this.#transcript.add({ kind: 'answer', markdown, first: true })
    this.#changed()
  }

  fail(error: unknown): void {
    this.#say(error)
    this.#changed()
  }

  /** Tells that a screen has printed the items up to this id: older ones may go. */
  printed(id: number): void {
    this.#transcript.printed(id)
  }

  /** Goes on in an earlier conversation. */
  async move(asked: string): Promise<void> {
    await this.#working(() => this.#open(asked))
  }

  /** Begins anew: a session group moves on with a summary, anything else starts empty. */
  async renew(): Promise<void> {
    await this.#working(async (signal) => {
      if (!(await this.#rollOver(true, signal))) await this.#open(undefined)
    })
  }

  async compact(): Promise<void> {
    await this.#working(async (signal) => {
      this.note(await this.#dependencies.compact(this.#opened, this.#model, signal))
    })
  }

  /** Runs a command of the person's own and shows what it prints. */
  async shell(command: string): Promise<void> {
    await this.#working(async (signal) => {
      this.#command = command
      this.#changed()
      const { output, failed } = await this.#dependencies.runShell(command, signal)
      this.#transcript.add({ kind: 'shell', command, output, failed })
    })
  }

  answerApproval(decision: Decision): void {
    this.#questions.answer(decision)
  }

  answerPlan(answer: PlanAnswer): void {
    this.#questions.answer(answer)
  }

  answerChoice(text: string): void {
    this.#questions.answer(text)
  }

  /** Looks whether the store is there, for the sign in the status bar. */
  async checkStore(): Promise<void> {
    const { store: _, ...rest } = this.#away
    try {
      await this.#dependencies.health()
      if (this.#away.store === undefined) return
      this.#away = rest
    } catch (error) {
      this.#away = { ...rest, store: (error as Error).message }
    }
    this.#changed()
  }

  #next(): string | undefined {
    const [next, ...rest] = this.#waiting
    this.#waiting = rest
    return next
  }

  async #take(text: string, signal: AbortSignal): Promise<void> {
    // A turn that was interrupted or failed behind the answer leaves its plan accepted: that plan is no work of this one.
    this.#accepted = undefined
    this.#transcript.add({ kind: 'user', text })
    this.#changed()
    await this.#rollOver(false, signal)
    await this.#opened.session.addUser(await this.#dependencies.expand(text, this.#warn))
    this.#isBack('store')
    await this.#run(signal)
    for (let accepted = this.#takeAccepted(); accepted; accepted = this.#takeAccepted()) {
      this.#mode = accepted.mode
      this.#opened = await this.#dependencies.open(undefined, this.#model)
      const task = `Carry out the plan ${accepted.plan.uri} (${accepted.plan.title}). Read it first.`
      this.#transcript.add({ kind: 'divider', text: `new session for ${accepted.plan.uri}` })
      this.#transcript.add({ kind: 'user', text: task })
      await this.#opened.session.addUser(task)
      await this.#run(signal)
    }
  }

  readonly #warn = (message: string) => this.#transcript.add({ kind: 'warning', text: message })

  async #rollOver(asksNew: boolean, signal: AbortSignal): Promise<boolean> {
    const turn = { asksNew, model: this.#model, signal, warn: this.#warn }
    const event = await this.#dependencies.rollOver(this.#opened, turn)
    if (event) this.#transcript.take(event)
    return event !== undefined
  }

  async #open(asked: string | undefined): Promise<void> {
    this.#opened = await this.#dependencies.open(asked, this.#model)
    if (asked !== undefined) this.#isBack('store')
    const { id, messages } = this.#opened.session
    this.#transcript.add({ kind: 'divider', text: asked === undefined ? 'new session' : `session ${id}` })
    this.#transcript.show(messages)
  }

  #takeAccepted() {
    const accepted = this.#accepted
    this.#accepted = undefined
    return accepted
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      await this.#dependencies.run(this.#opened, {
        mode: this.#mode,
        model: this.#model,
        signal,
        approve: (question, stopped) => this.#approve(question, stopped),
        choose: (question, stopped) => this.#questions.ask<string>({ kind: 'choice', ...question }, stopped),
        onEvent: (event) => {
          this.#transcript.take(event)
          if (event.type === 'assistant') this.#isBack('gateway')
          if (event.type === 'end' && event.reason === 'tool' && !this.#accepted) {
            this.#transcript.add({ kind: 'note', text: event.text })
          }
          this.#changedSoon()
        },
      })
    } finally {
      this.#transcript.endTurn()
    }
  }

  async #approve(question: ApprovalQuestion, signal: AbortSignal): Promise<Decision> {
    const plan = planOf(question)
    if (plan === undefined) {
      const asked = performance.now()
      const decision = await this.#questions.ask<Decision>({ kind: 'approval', question }, signal)
      this.#transcript.waited(question.call.id, performance.now() - asked)
      return decision
    }
    const answer = await this.#questions.ask<PlanAnswer>({ kind: 'plan', plan }, signal)
    if (!answer.accepted) return { approved: false, ...(answer.feedback === '' ? {} : { feedback: answer.feedback }) }
    this.#accepted = { plan, mode: answer.mode }
    return { approved: true }
  }

  /** Does some work, then says what was typed meanwhile, in order. */
  async #working(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await this.#one(work)
    for (let text = this.#next(); text !== undefined; text = this.#next()) {
      const next = text
      await this.#one((signal) => this.#take(next, signal))
    }
  }

  async #one(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const turn = new AbortController()
    this.#turn = turn
    this.#changed()
    this.#work = this.#quietly(() => work(turn.signal), turn.signal)
    await this.#work
    this.#turn = undefined
    this.#command = undefined
    this.#changed()
  }

  async #quietly(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (signal.aborted) this.#transcript.add({ kind: 'note', text: 'Interrupted; what was said is kept.' })
      else this.#say(error)
    }
    this.#changed()
  }

  #say(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? `\n${error.hint}` : ''
    this.#transcript.add({ kind: 'error', text: `${message}${hint}` })
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'E_UNAVAILABLE') this.#away = { ...this.#away, store: message }
    if (code === 'E_UNREACHABLE') this.#away = { ...this.#away, gateway: message }
  }

  #isBack(what: 'store' | 'gateway'): void {
    if (this.#away[what] === undefined) return
    const { [what]: _, ...rest } = this.#away
    this.#away = rest
  }

  #changedSoon(): void {
    this.#notifying ??= setTimeout(() => this.#changed(), NOTIFY_MS)
  }

  #changed(): void {
    clearTimeout(this.#notifying)
    this.#notifying = undefined
    this.#state = this.#snapshot()
    for (const listener of this.#listeners) listener()
  }

  #snapshot(): ChatState {
    return {
      items: this.#transcript.items,
      live: this.#turn ? { ...this.#transcript.live, command: this.#command } : undefined,
      mode: this.#mode,
      model: this.#model,
      sessionId: this.#opened.session.id,
      question: this.#questions.current,
      waiting: this.#waiting,
      usage: this.#dependencies.usage(this.#opened, this.#model),
      away: this.#away,
    }
  }
}
