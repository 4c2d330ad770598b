import { setTimeout as sleep } from 'node:timers/promises'
import type { Key } from 'ink'
import type { ChatSession } from './chat-session.ts'
import { helpText } from './help-text.ts'
import { completer } from './input/completion.ts'
import { keyName } from './input/key-name.ts'
import type { Keymap } from './input/keymap.ts'
import { Prompt } from './input/prompt.ts'
import { type KeyPress, splitKeys } from './input/split-keys.ts'
import { type Picker, type PickerItem, picked, pressPicker } from './picker.ts'
import type { Question } from './question-queue.ts'
import { questionRows } from './screen/question-view.tsx'
import { type ChatServices, runSlashCommand, type SlashCommand, slashCommands } from './slash-commands.ts'

/** What stands where the prompt is. */
export type Overlay =
  | { readonly kind: 'picker'; readonly picker: Picker }
  /** The prompt takes the reason of a refusal. */
  | { readonly kind: 'feedback'; readonly question: Question }

export interface ChatProgramOptions {
  readonly chat: ChatSession
  readonly services: ChatServices
  readonly keymap: Keymap
  readonly files: (beginning: string) => Promise<readonly string[]>
  readonly onQuit: () => void
}

/** Within so many ms a second ctrl-c leaves. */
const LEAVE_MS = 2_000
/** Who typed text so many ms ago is still typing: a question that comes up meanwhile is not answered by it. */
const TYPING_MS = 1_000
/** How long a walk through the history waits for what other chats have added, in ms. */
const HISTORY_MS = 500
const SCROLL_ROWS = 5
/** Columns that the prompt's rows leave free. */
const PROMPT_MARGIN = 2

/** What keys do: to the prompt, to the question that is asked, to the list that is open, to the chat. */
export class ChatProgram {
  readonly chat: ChatSession
  readonly prompt: Prompt
  readonly keymap: Keymap
  readonly commands: readonly SlashCommand[]
  readonly #options: ChatProgramOptions
  readonly #listeners = new Set<() => void>()
  #overlay: Overlay | undefined
  #pick: (item: PickerItem) => void | Promise<void> = () => {}
  #expanded = false
  #scroll = 0
  #version = 0
  #leaveUntil = 0
  #typedAt = Number.NEGATIVE_INFINITY
  /** Settles when what was sent is in the history. */
  #remembering: Promise<unknown> = Promise.resolve()

  constructor(options: ChatProgramOptions) {
    this.#options = options
    this.chat = options.chat
    this.keymap = options.keymap
    this.commands = slashCommands(options.services)
    this.prompt = new Prompt({
      keymap: options.keymap,
      complete: completer({ commands: this.commands, files: options.files }),
      history: () => this.#history(),
      onSubmit: (text) => this.#submit(text),
      onChange: () => this.#changed(),
    })
    this.chat.subscribe(() => this.#changed())
  }

  get overlay(): Overlay | undefined {
    return this.#overlay
  }

  /** Whether results are shown whole. */
  get expanded(): boolean {
    return this.#expanded
  }

  /** First row of the question that is shown. */
  get scroll(): number {
    return this.#scroll
  }

  /** Changes with everything that the screen shows. */
  get version(): number {
    return this.#version
  }

  /** Whether the next ctrl-c leaves. */
  get leaving(): boolean {
    return Date.now() < this.#leaveUntil
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Loads what was typed in earlier chats. */
  async loadHistory(): Promise<void> {
    try {
      this.prompt.setHistory(await this.chat.history.loadHistory())
    } catch (error) {
      this.chat.fail(error)
    }
  }

  paste(text: string): void {
    if (this.#overlay?.kind === 'picker') this.#setPicker(pressPicker(this.#overlay.picker, undefined, oneLineOf(text)))
    else this.prompt.paste(text)
  }

  /** What Ink reports as one input; `columns` is the width of the prompt's rows. */
  press(input: string, key: Key, columns: number): void {
    for (const one of splitKeys({ input, key })) {
      if (this.#isEscapeAndKey(one)) {
        this.#press('', { ...one.key, meta: false, escape: true }, columns)
        this.#press(one.input, { ...one.key, meta: false }, columns)
      } else this.#press(one.input, one.key, columns)
    }
  }

  /**
   * Whether alt and a key are esc and then the key: a terminal sends the same for both, and who is slow, as tmux or a
   * line far away, joins them. As vim does it, alt is meant only where it does something.
   */
  #isEscapeAndKey({ input, key }: KeyPress): boolean {
    const isCertain = key.eventType !== undefined
    const name = keyName(input, key)
    return key.meta && input !== '' && !isCertain && !(name !== undefined && this.keymap.has(name))
  }

  #press(input: string, key: Key, columns: number): void {
    const name = keyName(input, key)
    const global = this.keymap.action('global', name)
    if (global === 'global_quit') this.#quitOrClear()
    else if (name === 'ctrl+d' && this.#isIdle) this.#options.onQuit()
    else if (this.#overlay?.kind === 'picker') this.#pressPicker(this.#overlay.picker, name, input)
    else if (global === 'global_cancel') this.#cancel()
    else if (this.#overlay?.kind === 'feedback' && name === 'enter' && this.prompt.isEmpty) this.#submit('')
    else if (this.chat.state.question && this.#overlay === undefined && !this.#isTyping(name, input)) {
      this.#pressQuestion(name, input, columns)
    } else if (global === 'mode_cycle_agent_mode') this.chat.cycleMode()
    else if (global === 'tools_toggle_tool_expansion') this.#toggleExpanded()
    else if (global === 'global_new_session' && !this.chat.busy) void this.chat.renew()
    else if (global === 'help_toggle_help' && this.prompt.isEmpty && !this.#overlay) this.#showHelp()
    else {
      if (input !== '') this.#typedAt = performance.now()
      this.prompt.press(name, input, columns)
    }
  }

  /** Whether an end of input means that the person leaves. */
  get #isIdle(): boolean {
    return this.prompt.isEmpty && !this.prompt.state.search && !this.#overlay && !this.chat.busy
  }

  /** Whether the key goes on with a line that somebody is in the middle of, or sends it. */
  #isTyping(name: string | undefined, input: string): boolean {
    const belongs = input !== '' || name === 'enter'
    return belongs && !this.prompt.isEmpty && performance.now() - this.#typedAt < TYPING_MS
  }

  /** The history with what other chats have added; undefined when it does not come soon or at all. */
  async #history(): Promise<readonly string[] | undefined> {
    const read = this.#remembering.then(() => this.chat.history.loadHistory()).catch(() => undefined)
    return await Promise.race([read, sleep(HISTORY_MS, undefined, { ref: false })])
  }

  #submit(text: string): void {
    const overlay = this.#overlay
    if (overlay?.kind === 'feedback') {
      this.#setOverlay(undefined)
      if (overlay.question !== this.chat.state.question) return
      if (overlay.question.kind === 'plan') this.chat.answerPlan({ accepted: false, feedback: text })
      else this.chat.answerApproval({ approved: false, feedback: text })
      return
    }
    if (this.chat.state.question?.kind === 'choice') {
      this.#answered(() => this.chat.answerChoice(text))
      return
    }
    this.prompt.remember(text)
    this.#remembering = this.#remembering
      .then(() => this.chat.history.saveToHistory(text))
      .catch((error: unknown) => this.chat.fail(error))
    if (text.startsWith('!') && text.slice(1).trim() !== '') void this.#shell(text)
    else if (text.startsWith('/')) void this.#slash(text)
    else void this.chat.send(text)
  }

  async #slash(text: string): Promise<void> {
    const leaves = /^\/(q|quit)\s*$/.test(text)
    if (this.chat.busy && !leaves && !/^\/help\s*$/.test(text)) {
      this.#giveBack(text)
      return
    }
    const { services, onQuit } = this.#options
    await runSlashCommand(text, this.commands, {
      chat: this.chat,
      services,
      pick: (picker, then) => {
        if (picker.items.length === 0) {
          this.chat.note(`${picker.title}: none yet.`)
          return
        }
        this.#pick = then
        this.#setOverlay({ kind: 'picker', picker })
      },
      showHelp: () => this.#showHelp(),
      show: (markdown) => this.chat.show(markdown),
      quit: onQuit,
    })
  }

  async #shell(text: string): Promise<void> {
    if (this.chat.busy) this.#giveBack(text)
    else await this.chat.shell(text.slice(1).trim())
  }

  /** What cannot wait for the end of a turn as a message does. */
  #giveBack(text: string): void {
    this.chat.note('The agent is at work: wait for it, or interrupt it with esc.')
    this.prompt.setText(text)
  }

  #pressPicker(picker: Picker, name: string | undefined, input: string): void {
    if (name === 'esc') this.#setOverlay(undefined)
    else if (name === 'enter') {
      const item = picked(picker)
      if (!item) return
      this.#setOverlay(undefined)
      Promise.resolve(this.#pick(item)).catch((error: unknown) => this.chat.fail(error))
    } else this.#setPicker(pressPicker(picker, name, input))
  }

  #pressQuestion(name: string | undefined, input: string, columns: number): void {
    const { question } = this.chat.state
    if (!question || this.#scrolled(question, name, columns)) return
    if (question.kind === 'choice') this.#pressChoice(question, name, input, columns)
    else if (question.kind === 'plan') this.#pressPlan(question, name)
    else if (name === 'y' || name === 'Y') this.#answered(() => this.chat.answerApproval({ approved: true }))
    else if (name === 'n' || name === 'N') this.#answered(() => this.chat.answerApproval({ approved: false }))
    else if (name === 'r') this.#setOverlay({ kind: 'feedback', question })
  }

  #pressPlan(question: Question, name: string | undefined): void {
    switch (this.keymap.action('plan', name)) {
      case 'plan_approval_plan_approval_accept':
        this.#answered(() => this.chat.answerPlan({ accepted: true, mode: 'auto' }))
        break
      case 'plan_approval_plan_approval_accept_standard':
        this.#answered(() => this.chat.answerPlan({ accepted: true, mode: 'standard' }))
        break
      case 'plan_approval_plan_approval_reject':
        this.#setOverlay({ kind: 'feedback', question })
    }
  }

  /** Before anything is typed a digit picks and enter passes over; anything else is typed. */
  #pressChoice(
    question: Extract<Question, { kind: 'choice' }>,
    name: string | undefined,
    input: string,
    columns: number,
  ) {
    const { options, several } = question
    const option = /^[1-9]$/.test(input) && !several && this.prompt.isEmpty ? options[Number(input) - 1] : undefined
    if (option !== undefined) this.#answered(() => this.chat.answerChoice(option))
    else if (name === 'enter' && this.prompt.isEmpty) this.#answered(() => this.chat.answerChoice(''))
    else this.prompt.press(name, input, columns)
  }

  #scrolled(question: Question, name: string | undefined, columns: number): boolean {
    // Up and down belong to the line in which an answer is typed.
    const [down, up] =
      question.kind === 'choice'
        ? [['pgdown'], ['pgup']]
        : [
            ['pgdown', 'down'],
            ['pgup', 'up'],
          ]
    const by = down.includes(name ?? '') ? SCROLL_ROWS : up.includes(name ?? '') ? -SCROLL_ROWS : 0
    if (by === 0) return false
    const rows = questionRows(question, columns + PROMPT_MARGIN)
    this.#scroll = Math.max(0, Math.min(rows - 1, this.#scroll + by))
    this.#changed()
    return true
  }

  #answered(answer: () => void): void {
    this.#scroll = 0
    answer()
  }

  /** Escape: closes what is open, else ends the turn and gives back what had been waiting for its end. */
  #cancel(): void {
    if (this.#overlay) {
      this.#setOverlay(undefined)
      return
    }
    if (this.prompt.dismiss() || !this.chat.busy) return
    this.#interrupt()
  }

  /** Ends the turn; what had waited for its end stands before what is being typed. */
  #interrupt(): void {
    const waiting = this.chat.cancel()
    const typed = this.prompt.state.draft.text
    if (waiting.length > 0) this.prompt.setText([...waiting, ...(typed === '' ? [] : [typed])].join('\n'))
  }

  /** ctrl-c: clears what is typed or ends the turn; twice it leaves. */
  #quitOrClear(): void {
    if (this.leaving) {
      this.#options.onQuit()
      return
    }
    this.#leaveUntil = Date.now() + LEAVE_MS
    setTimeout(() => this.#changed(), LEAVE_MS + 1).unref()
    if (this.#overlay) this.#setOverlay(undefined)
    else if (!this.prompt.isEmpty || this.prompt.state.search) this.prompt.setText('')
    else if (this.chat.busy) this.#interrupt()
    this.#changed()
  }

  #showHelp(): void {
    this.chat.show(helpText(this.keymap, this.commands))
  }

  #toggleExpanded(): void {
    this.#expanded = !this.#expanded
    this.#changed()
  }

  #setPicker(picker: Picker): void {
    this.#setOverlay({ kind: 'picker', picker })
  }

  #setOverlay(overlay: Overlay | undefined): void {
    this.#overlay = overlay
    this.#changed()
  }

  #changed(): void {
    this.#version += 1
    for (const listener of this.#listeners) listener()
  }
}

const oneLineOf = (text: string) => text.replaceAll(/\s+/g, ' ')
