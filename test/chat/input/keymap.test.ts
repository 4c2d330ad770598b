import type { Key } from 'ink'
import { describe, expect, it } from 'vitest'
import { keyName, normaliseKey } from '#chat/input/key-name.ts'
import { Keymap } from '#chat/input/keymap.ts'

const NONE = Object.fromEntries(
  [
    ...['upArrow', 'downArrow', 'leftArrow', 'rightArrow', 'pageUp', 'pageDown', 'home', 'end', 'return', 'escape'],
    ...['ctrl', 'shift', 'tab', 'backspace', 'delete', 'meta', 'super', 'hyper', 'capsLock', 'numLock'],
  ].map((name) => [name, false]),
) as unknown as Key

describe('the name of a key', () => {
  it.each([
    ['a', {}, 'a'],
    ['A', { shift: true }, 'A'],
    ['r', { ctrl: true }, 'ctrl+r'],
    ['b', { meta: true }, 'alt+b'],
    ['', { tab: true, shift: true }, 'shift+tab'],
    ['', { return: true, shift: true }, 'shift+enter'],
    ['', { return: true, meta: true }, 'alt+enter'],
    ['', { leftArrow: true, ctrl: true }, 'ctrl+left'],
    ['', { escape: true, meta: true }, 'esc'],
    [' ', {}, 'space'],
    ['👍🏽x', {}, undefined],
    ['pasted text', {}, undefined],
  ])('%j with %j is %s', (input, pressed, name) => {
    expect(keyName(input, { ...NONE, ...pressed })).toBe(name)
  })

  it.each([
    ['Ctrl+R', 'ctrl+r'],
    ['option+b', 'alt+b'],
    ['shift+ctrl+x', 'ctrl+shift+x'],
    ['Escape', 'esc'],
    ['page_down', 'pgdown'],
    ['A', 'A'],
    ['y', 'y'],
    ['+', '+'],
  ])('is read from %j as %s', (written, name) => {
    expect(normaliseKey(written)).toBe(name)
  })
})

describe('a keymap', () => {
  it('has the usual keys', () => {
    const keymap = new Keymap()
    expect(keymap.action('prompt', 'ctrl+r')).toBe('text_editing_history_search')
    expect(keymap.action('plan', 's')).toBe('plan_approval_plan_approval_accept_standard')
    expect(keymap.action('prompt', 's')).toBeUndefined()
    expect(keymap.action('prompt', undefined)).toBeUndefined()
    expect(keymap.keyOf('mode_cycle_agent_mode')).toBe('shift+tab')
  })

  it('has the keys of a file instead, also when it takes them from another action', () => {
    const keymap = new Keymap({
      text_editing_history_search: ['Ctrl+P'],
      global_quit: [],
      display_toggle_raw_format: ['ctrl+r'],
    })
    expect(keymap.action('prompt', 'ctrl+p')).toBe('text_editing_history_search')
    expect(keymap.action('prompt', 'ctrl+r')).toBeUndefined()
    expect(keymap.action('prompt', 'up')).toBe('text_editing_history_up')
    expect(keymap.action('global', 'ctrl+c')).toBeUndefined()
  })

  it('gives each of two actions the key of the other', () => {
    const keymap = new Keymap({ global_cancel: ['ctrl+c'], global_quit: ['esc'] })
    expect(keymap.action('global', 'ctrl+c')).toBe('global_cancel')
    expect(keymap.action('global', 'esc')).toBe('global_quit')
  })
})
