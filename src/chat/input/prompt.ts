import { type Completer, type Completion, completed } from './completion.ts'
import {
  backspace,
  type Draft,
  deleteForward,
  draftOf,
  EMPTY,
  end,
  home,
  insert,
  killToEnd,
  killToStart,
  killWordBack,
  killWordForward,
  left,
  right,
  transpose,
  wordLeft,
  wordRight,
} from './draft.ts'
import { moveRow } from './draft-rows.ts'
import {
  type HistorySearch,
  type HistoryWalk,
  newer,
  older,
  search,
  searchOlder,
  shown,
  startWalk,
} from './history-walk.ts'
import type { KeyAction, Keymap } from './keymap.ts'

export interface PromptState {
  readonly draft: Draft
  /** The search in the history that is under way. */
  readonly search: HistorySearch | undefined
  /** What the word at the cursor could become. */
  readonly completion: Completion | undefined
}

export interface PromptOptions {
  readonly keymap: Keymap
  readonly complete: Completer
  /** The history as it is now, oldest first, for a walk or a search that begins; undefined leaves it as it was. */
  readonly history?: () => Promise<readonly string[] | undefined>
  /** Called with what was typed when enter is pressed; never with a blank text. */
  readonly onSubmit: (text: string) => void
  /** Called after each change. */
  readonly onChange: () => void
}

type Edit = KeyAction<'prompt'>

const MOVES: Partial<Record<Edit, (draft: Draft) => Draft>> = {
  text_editing_backspace: backspace,
  text_editing_delete: deleteForward,
  text_editing_transpose: transpose,
  text_editing_move_cursor_left: left,
  text_editing_move_cursor_right: right,
  text_editing_move_cursor_word_left: wordLeft,
  text_editing_move_cursor_word_right: wordRight,
  text_editing_move_to_beginning: home,
  text_editing_move_to_end: end,
}

const KILLS = {
  text_editing_delete_to_beginning: killToStart,
  text_editing_delete_to_end: killToEnd,
  text_editing_delete_word_backward: killWordBack,
  text_editing_delete_word_forward: killWordForward,
} as const satisfies Partial<Record<Edit, unknown>>

const FORWARD: ReadonlySet<Edit> = new Set(['text_editing_delete_to_end', 'text_editing_delete_word_forward'])

/** The line at which a person types: editing, history, search and completion, without a screen. */
export class Prompt {
  readonly #options: PromptOptions
  #draft = EMPTY
  #killed = ''
  /** Whether the last key cut something: the next cut then adds to it. */
  #killing = false
  #walk: HistoryWalk = startWalk([])
  #search: HistorySearch | undefined
  #completion: Completion | undefined
  #asked = 0
  /** Keys that wait for the history. */
  #held: (() => void)[] | undefined

  constructor(options: PromptOptions) {
    this.#options = options
  }

  get state(): PromptState {
    return { draft: this.#draft, search: this.#search, completion: this.#completion }
  }

  get isEmpty(): boolean {
    return this.#draft.text === ''
  }

  /** Replaces the history; oldest first. */
  setHistory(entries: readonly string[]): void {
    this.#walk = startWalk(entries)
  }

  /** Adds what was just sent, and begins the walk anew. */
  remember(text: string): void {
    this.#walk = startWalk([...this.#walk.entries, text])
  }

  /** Replaces what stands in the line, and ends a search. */
  setText(text: string): void {
    this.#search = undefined
    this.#set(draftOf(text))
  }

  /** Text that was pasted: one block, whatever it holds. */
  paste(text: string): void {
    if (this.#held) this.#held.push(() => this.paste(text))
    else if (this.#search) this.#type(text.replaceAll(/\s+/g, ' '))
    else this.#set(insert(this.#draft, text.replaceAll(/\r\n?/g, '\n')))
  }

  /** Ends a search or closes the completions; false when neither was there. */
  dismiss(): boolean {
    if (this.#search) {
      this.#search = undefined
      this.#set(this.#draft)
      return true
    }
    if (!this.#completion) return false
    this.#completion = undefined
    this.#asked += 1
    this.#options.onChange()
    return true
  }

  /** One key: its name (see keyName) and the text that it types; `columns` is the width of the rows. */
  press(name: string | undefined, text: string, columns: number): void {
    if (this.#held) {
      this.#held.push(() => this.press(name, text, columns))
      return
    }
    const action = this.#options.keymap.action('prompt', name)
    if (this.#search && this.#pressInSearch(action, text)) return
    if (action !== undefined) this.#act(action, columns)
    else if (isText(name, text)) this.#type(text)
  }

  #act(action: Edit, columns: number): void {
    const goesOn = this.#killing
    this.#killing = false
    const move = MOVES[action]
    if (move) this.#set(move(this.#draft))
    switch (action) {
      case 'chat_enter_key_handler':
        this.#enter()
        break
      case 'chat_tab_key_handler':
        this.#acceptCompletion()
        break
      case 'text_editing_insert_newline_alt':
      case 'text_editing_insert_newline_ctrl':
        this.#set(insert(this.#draft, '\n'))
        break
      case 'text_editing_delete_to_beginning':
      case 'text_editing_delete_to_end':
      case 'text_editing_delete_word_backward':
      case 'text_editing_delete_word_forward': {
        const { draft, killed } = KILLS[action](this.#draft)
        const before = goesOn ? this.#killed : ''
        this.#killed = FORWARD.has(action) ? before + killed : killed + before
        this.#killing = true
        this.#set(draft)
        break
      }
      case 'text_editing_yank':
        this.#set(insert(this.#draft, this.#killed))
        break
      case 'text_editing_history_up':
        this.#vertical(-1, columns)
        break
      case 'text_editing_history_down':
        this.#vertical(1, columns)
        break
      case 'text_editing_history_search':
        this.#withHistory(() => {
          this.#search = search(this.#walk.entries, '')
          this.#completion = undefined
          this.#options.onChange()
        })
        break
    }
  }

  /** Looks first, at the start of a walk, what other chats have added; keys that come meanwhile wait. */
  #withHistory(then: () => void): void {
    const { history } = this.#options
    if (history === undefined || this.#walk.index < this.#walk.entries.length) {
      then()
      return
    }
    this.#held = [then]
    void history()
      .catch(() => undefined)
      .then((entries) => {
        if (entries) this.setHistory(entries)
        this.#release()
      })
  }

  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    // A key may begin another wait: those behind it go on waiting.
    for (const [at, key] of held.entries()) {
      key()
      if (this.#held === undefined) continue
      ;(this.#held as (() => void)[]).push(...held.slice(at + 1))
      return
    }
  }

  /** Up and down: through the completions, else through the rows, at the edge through the history. */
  #vertical(by: -1 | 1, columns: number): void {
    if (this.#completion) {
      const { options, index } = this.#completion
      this.#completion = { ...this.#completion, index: (index + by + options.length) % options.length }
      this.#options.onChange()
      return
    }
    const moved = moveRow(this.#draft, columns, by)
    if (moved) {
      this.#set(moved)
      return
    }
    if (by === -1) this.#withHistory(() => this.#walkTo(older(this.#walk, this.#draft.text)))
    else this.#walkTo(newer(this.#walk, this.#draft.text))
  }

  #walkTo(walk: HistoryWalk | undefined): void {
    if (!walk) return
    this.#walk = walk
    this.#draft = draftOf(shown(walk))
    this.#options.onChange()
  }

  #enter(): void {
    const { text, cursor } = this.#draft
    if (text.slice(0, cursor).endsWith('\\')) {
      this.#set(insert({ text: text.slice(0, cursor - 1) + text.slice(cursor), cursor: cursor - 1 }, '\n'))
      return
    }
    if (text.trim() === '') return
    this.#walk = startWalk(this.#walk.entries)
    this.#set(EMPTY)
    this.#options.onSubmit(text)
  }

  #type(text: string): void {
    this.#killing = false
    if (this.#search) this.#found(search(this.#walk.entries, this.#search.query + text))
    else this.#set(insert(this.#draft, text))
  }

  /** Whether the key belonged to the search. */
  #pressInSearch(action: Edit | undefined, text: string): boolean {
    const { entries } = this.#walk
    const current = this.#search as HistorySearch
    if (action === 'text_editing_history_search') this.#found(searchOlder(entries, current))
    else if (action === 'text_editing_backspace') {
      this.#found(search(entries, Array.from(current.query).slice(0, -1).join('')))
    } else if (action !== undefined) {
      // Any other key takes what was found and goes on with it; enter sends it.
      this.#search = undefined
      return false
    } else if (text !== '') this.#type(text)
    return true
  }

  #found(next: HistorySearch): void {
    this.#search = next
    const entry = this.#walk.entries[next.index]
    if (entry !== undefined) this.#draft = draftOf(entry)
    this.#options.onChange()
  }

  #acceptCompletion(): void {
    if (this.#completion) this.#set(completed(this.#draft, this.#completion))
  }

  #set(draft: Draft): void {
    this.#draft = draft
    this.#completion = undefined
    this.#options.onChange()
    void this.#look(draft)
  }

  /** Looks for completions; what comes late for a draft that has changed meanwhile is nobody's. */
  async #look(draft: Draft): Promise<void> {
    this.#asked += 1
    const asked = this.#asked
    const completion = await this.#options.complete(draft).catch(() => undefined)
    if (asked !== this.#asked || completion === undefined || completion.options.length === 0) return
    this.#completion = completion
    this.#options.onChange()
  }
}

/** Whether a key types something: not with ctrl, alt or super, and no control character. */
function isText(name: string | undefined, text: string): boolean {
  if (name !== undefined && /^(ctrl|alt|super)\+./.test(name)) return false
  return text !== '' && !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)
}
