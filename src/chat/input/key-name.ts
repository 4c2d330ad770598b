import type { Key } from 'ink'

/**
 * The name of a key as keybindings files write it: modifiers in the order ctrl, alt, shift, super, then the key, such as
 * `ctrl+r`, `alt+backspace`, `shift+tab`, `enter`, `pgdown`, `y`. Undefined for text that is no single key.
 */
export function keyName(input: string, key: Key): string | undefined {
  const name = nameOf(input, key)
  if (name === undefined) return undefined
  const shifts = key.shift && (name.length > 1 || key.ctrl || key.meta || key.super)
  return [key.ctrl && 'ctrl', key.meta && name !== 'esc' && 'alt', shifts && 'shift', key.super && 'super', name]
    .filter((part) => part !== false)
    .join('+')
}

function nameOf(input: string, key: Key): string | undefined {
  if (key.return) return 'enter'
  if (key.escape) return 'esc'
  if (key.tab) return 'tab'
  if (key.backspace) return 'backspace'
  if (key.delete) return 'delete'
  if (key.upArrow) return 'up'
  if (key.downArrow) return 'down'
  if (key.leftArrow) return 'left'
  if (key.rightArrow) return 'right'
  if (key.pageUp) return 'pgup'
  if (key.pageDown) return 'pgdown'
  if (key.home) return 'home'
  if (key.end) return 'end'
  if (input === ' ') return 'space'
  if (Array.from(input).length !== 1) return undefined
  return key.ctrl ? input.toLowerCase() : input
}

/** A key as a person wrote it in a file, in the form that `keyName` gives: `Esc`, `page_down`, . */
export function normaliseKey(written: string): string {
  const parts = written.trim() === '+' ? ['+'] : written.trim().split('+')
  const last = parts.pop() ?? ''
  const modifiers = new Set(parts.map((part) => MODIFIERS[part.trim().toLowerCase()] ?? part.trim().toLowerCase()))
  const name = last.trim().length === 1 && modifiers.size === 0 ? last.trim() : last.trim().toLowerCase()
  const ordered = ['ctrl', 'alt', 'shift', 'super'].filter((modifier) => modifiers.has(modifier))
  return [...ordered, NAMES[name] ?? name].join('+')
}

const MODIFIERS: Readonly<Record<string, string>> = {
  control: 'ctrl',
  meta: 'alt',
  option: 'alt',
  opt: 'alt',
  cmd: 'super',
  command: 'super',
}

const NAMES: Readonly<Record<string, string>> = {
  escape: 'esc',
  return: 'enter',
  pgdn: 'pgdown',
  page_down: 'pgdown',
  pagedown: 'pgdown',
  page_up: 'pgup',
  pageup: 'pgup',
  del: 'delete',
  ' ': 'space',
}
