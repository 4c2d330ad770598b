import { afterEach, beforeEach, describe, it } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { type ChatSite, chatSite, say } from './chat-site.ts'

describe.each(['jsonl', 'postgres'] as const)('the history of the chat on %s', (type) => {
  let site: ChatSite
  beforeEach(async () => {
    site = await chatSite(type)
  })
  afterEach(() => site[Symbol.asyncDispose]())

  const stored = async (...lines: string[]) =>
    await waitFor(`the history holds ${lines}`, async () => {
      const all = await site.stores.shellHistory.load(0)
      return JSON.stringify(all) === JSON.stringify(lines)
    })

  it('is walked with up and down, and what was being typed comes back', async () => {
    await site.stores.shellHistory.appendAll(['oldest', 'older', 'old'])
    const terminal = await site.chat()
    terminal.type('draft')
    terminal.press('Up')
    await terminal.shows(/^> old$/m)
    terminal.press('Up')
    terminal.press('Up')
    await terminal.shows(/^> oldest$/m)
    terminal.press('Down')
    await terminal.shows(/^> older$/m)
    terminal.press('Down')
    terminal.press('Down')
    await terminal.shows(/^> draft$/m)
  })

  it('is searched with ctrl+r, all of it', async () => {
    const many = Array.from({ length: 3_000 }, (_, n) => `line ${n}`)
    await site.stores.shellHistory.appendAll(['hello needle one', ...many, 'hello needle two'])
    const terminal = await site.chat()
    terminal.press('C-r')
    await terminal.shows('search:')
    terminal.type('needle')
    await terminal.shows(/^> hello needle two$/m)
    terminal.press('C-r')
    await terminal.shows(/^> hello needle one$/m)
    terminal.press('Enter')
    await terminal.shows('Good day.')
    await waitFor('it is remembered', async () => (await site.stores.shellHistory.load(1))[0] === 'hello needle one')
  })

  it('is shared by two chats that are open', async () => {
    const [one, other] = [await site.chat(), await site.chat()]
    say(one, 'hello from the first')
    await one.shows('Good day.')
    await stored('hello from the first')
    other.press('Up')
    await other.shows(/^> hello from the first$/m)
    other.press('C-u')
    say(other, 'hello from the second')
    await other.shows('Good day.')
    await stored('hello from the first', 'hello from the second')
    one.press('C-r')
    await one.shows('search:')
    one.type('second')
    await one.shows(/^> hello from the second$/m)
  })

  it('keeps several lines in one entry', async () => {
    const terminal = await site.chat()
    terminal.paste('hello\nsecond line\n\nfourth line')
    await terminal.shows('fourth line')
    terminal.press('Enter')
    await terminal.shows('Good day.')
    await stored('hello\nsecond line\n\nfourth line')
    const next = await site.chat()
    next.press('Up')
    await next.shows(/^> hello\n {2}second line\n\n {2}fourth line$/m)
  })
})
