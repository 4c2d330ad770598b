import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Terminal } from '../support/tmux.ts'
import { type ChatSite, chatSite } from './chat-site.ts'

let site: ChatSite
let terminal: Terminal
beforeEach(async () => {
  site = await chatSite()
  site.file('notes.md', 'the notes\n')
  site.file('src/deep.ts', '')
  terminal = await site.chat()
})
afterEach(() => site[Symbol.asyncDispose]())

async function typed(...keys: string[]): Promise<void> {
  for (const key of keys) {
    if (/^(C-|M-|S-)?[A-Za-z]+$/.test(key) && !key.startsWith('=')) terminal.press(key)
    else terminal.type(key.replace(/^=/, ''))
  }
}

describe('editing in the terminal', () => {
  it('knows the keys of emacs and words', async () => {
    await typed('=alpha beta gamma', 'C-a', '=<', 'C-e', '=>', 'M-b', '=|')
    await terminal.shows('> <alpha beta |gamma>')
    await typed('C-w', 'C-w', 'C-y')
    await terminal.shows('> <alpha beta |gamma>')
    await typed('C-a', 'M-d', 'C-k')
    await terminal.shows('> say something')
    await typed('C-y', 'C-b', 'C-d', '=.')
    await terminal.shows('> <alpha beta |gamma.')
    await typed('C-u', '=ab', 'C-t')
    await terminal.shows(/^> ba$/m)
    await typed('BSpace', 'BSpace')
    await terminal.shows('> say something')
  })

  it('makes lines with alt+enter, ctrl+j and a backslash, and sends them as one', async () => {
    await typed('=one', 'M-Enter', '=two', 'C-j', '=three\\', 'Enter', '=four')
    await terminal.shows(/^> one\n {2}two\n {2}three\n {2}four$/m)
    terminal.press('Up')
    terminal.type('!')
    await terminal.shows(/^ {2}three!|^ {2}thre!e/m)
    terminal.press('Enter')
    const screen = await terminal.shows('Nothing else.')
    expect(screen).toMatch(/^> one\n {2}two\n/m)
  })

  it('takes a paste as one block and sends nothing by itself', async () => {
    terminal.paste('first\nsecond\n')
    const screen = await terminal.shows('second')
    expect(screen).not.toContain('Nothing else.')
    terminal.type('third')
    await terminal.shows(/^> first\n {2}second\n {2}third$/m)
  })

  it('takes keys that arrive at once', async () => {
    terminal.type('hello\r')
    await terminal.shows('Good day.')
  })

  it('completes @file, and a directory further', async () => {
    terminal.type('see @no')
    await terminal.shows('@notes.md')
    terminal.press('Tab')
    await terminal.shows(/^> see @notes\.md$/m)
    terminal.type('and @sr')
    await terminal.shows('› @src/')
    terminal.press('Tab')
    await terminal.shows('› @src/deep.ts')
    terminal.press('Tab')
    await terminal.shows(/^> see @notes\.md and @src\/deep\.ts$/m)
  })

  it('completes /command, also the one that the arrows choose', async () => {
    terminal.type('/')
    expect(await terminal.shows('› /help')).toContain('/conversations')
    terminal.press('Down')
    await terminal.shows('› /new')
    terminal.type('pl')
    await terminal.shows('› /plans')
    terminal.press('Tab')
    await terminal.shows(/^> \/plans$/m)
    terminal.press('C-u')
    await terminal.shows('> say something')
  })

  it('runs !command here, of which the model hears nothing', async () => {
    terminal.type('!cat notes.md')
    terminal.press('Enter')
    expect(await terminal.shows('the notes')).toContain('! cat notes.md')
    expect((await site.stores.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
  })
})
