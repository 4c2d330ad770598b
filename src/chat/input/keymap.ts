import { normaliseKey } from './key-name.ts'

/**
 * What keys can do, by the names that keybindings files have for it (those of the Go CLI where it has one), with their
 * usual keys. Actions of one group are looked up together; the same key may mean something else in another group.
 */
const DEFAULTS = {
  prompt: {
    chat_enter_key_handler: ['enter'],
    chat_tab_key_handler: ['tab'],
    text_editing_insert_newline_alt: ['alt+enter', 'shift+enter'],
    text_editing_insert_newline_ctrl: ['ctrl+j'],
    text_editing_backspace: ['backspace', 'ctrl+h'],
    text_editing_delete: ['delete', 'ctrl+d'],
    text_editing_delete_to_beginning: ['ctrl+u'],
    text_editing_delete_to_end: ['ctrl+k'],
    text_editing_delete_word_backward: ['ctrl+w', 'alt+backspace', 'ctrl+backspace'],
    text_editing_delete_word_forward: ['alt+d'],
    text_editing_yank: ['ctrl+y'],
    text_editing_transpose: ['ctrl+t'],
    text_editing_move_cursor_left: ['left', 'ctrl+b'],
    text_editing_move_cursor_right: ['right', 'ctrl+f'],
    text_editing_move_cursor_word_left: ['alt+left', 'ctrl+left', 'alt+b'],
    text_editing_move_cursor_word_right: ['alt+right', 'ctrl+right', 'alt+f'],
    text_editing_move_to_beginning: ['ctrl+a', 'home'],
    text_editing_move_to_end: ['ctrl+e', 'end'],
    text_editing_history_up: ['up', 'ctrl+p'],
    text_editing_history_down: ['down', 'ctrl+n'],
    text_editing_history_search: ['ctrl+r'],
  },
  global: {
    global_cancel: ['esc'],
    global_quit: ['ctrl+c'],
    global_new_session: ['ctrl+l'],
    help_toggle_help: ['?'],
    mode_cycle_agent_mode: ['shift+tab'],
    tools_toggle_tool_expansion: ['ctrl+o'],
  },
  plan: {
    plan_approval_plan_approval_accept: ['enter', 'y'],
    plan_approval_plan_approval_accept_standard: ['s'],
    plan_approval_plan_approval_reject: ['n'],
  },
} as const satisfies Record<string, Record<string, readonly string[]>>

export type KeyGroup = keyof typeof DEFAULTS
export type KeyAction<G extends KeyGroup = KeyGroup> = G extends KeyGroup ? keyof (typeof DEFAULTS)[G] & string : never

/** Keys that a file gives to actions; actions that are not ours are nobody's. */
export type Keybindings = Readonly<Record<string, readonly string[]>>

/** Which key does what. */
export class Keymap {
  readonly #actions = new Map<string, KeyAction>()
  readonly #keys = new Map<string, readonly string[]>()

  /** A binding replaces the usual keys of its action; a key that it takes from another action of its group is taken. */
  constructor(bindings: Keybindings = {}) {
    for (const [group, actions] of Object.entries(DEFAULTS)) {
      const given = Object.entries(actions).filter(([action]) => Object.hasOwn(bindings, action))
      for (const [action, keys] of Object.entries(actions)) this.#bind(group, action, keys)
      for (const [action] of given) this.#unbind(group, action)
      for (const [action] of given) this.#bind(group, action, (bindings[action] ?? []).map(normaliseKey))
    }
  }

  action<G extends KeyGroup>(group: G, key: string | undefined): KeyAction<G> | undefined {
    return key === undefined ? undefined : (this.#actions.get(`${group} ${key}`) as KeyAction<G> | undefined)
  }

  /** Whether the key does anything anywhere. */
  has(key: string): boolean {
    return Object.keys(DEFAULTS).some((group) => this.#actions.has(`${group} ${key}`))
  }

  /** The first key of an action, for people; undefined when it has none. */
  keyOf(action: KeyAction): string | undefined {
    return this.#keys.get(action)?.[0]
  }

  #bind(group: string, action: string, keys: readonly string[]): void {
    for (const key of keys) this.#actions.set(`${group} ${key}`, action as KeyAction)
    this.#keys.set(action, keys)
  }

  #unbind(group: string, action: string): void {
    for (const [key, bound] of this.#actions) {
      if (bound === action && key.startsWith(`${group} `)) this.#actions.delete(key)
    }
  }
}
