import type { KeyAction, Keymap } from './input/keymap.ts'
import type { SlashCommand } from './slash-commands.ts'

const KEYS: readonly (readonly [KeyAction, string])[] = [
  ['chat_enter_key_handler', 'send; behind a backslash: a new line'],
  ['text_editing_insert_newline_alt', 'new line, as ctrl+j and shift+enter'],
  ['mode_cycle_agent_mode', 'next mode: standard, plan, auto-accept'],
  ['global_cancel', 'interrupt the turn; what was said is kept'],
  ['global_quit', 'clear the line; twice leaves, as ctrl+d at an empty line does'],
  ['text_editing_history_up', 'what was typed before'],
  ['text_editing_history_search', 'search in all that was ever typed'],
  ['chat_tab_key_handler', 'complete /command and @file'],
  ['tools_toggle_tool_expansion', 'unfold the results of tools, and fold them'],
  ['global_new_session', 'new session'],
]

/** Keys and commands as markdown. */
export function helpText(keymap: Keymap, commands: readonly SlashCommand[]): string {
  const keys = KEYS.flatMap(([action, what]) => {
    const key = keymap.keyOf(action)
    return key === undefined ? [] : [`- \`${key}\` ${what}`]
  })
  const slashes = commands.map(({ name, description }) => `- \`/${name}\` ${description}`)
  return ['**Keys**', '', ...keys, '- `!command` run a shell command', '', '**Commands**', '', ...slashes].join('\n')
}
