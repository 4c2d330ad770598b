import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Terminal } from '../support/tmux.ts'
import { type ChatSite, chatSite, say } from './chat-site.ts'

describe.each(['jsonl', 'postgres'] as const)('the plan panel on %s', (type) => {
  let site: ChatSite
  beforeEach(async () => {
    site = await chatSite(type)
  })
  afterEach(() => site[Symbol.asyncDispose]())

  /** A chat in which a plan waits for an answer. */
  async function asked(): Promise<Terminal> {
    const terminal = await site.chat()
    terminal.press('BTab')
    await terminal.shows(/^plan · /m)
    say(terminal, 'plan it')
    await terminal.shows('Plan: Mend the parser')
    return terminal
  }

  const isDone = () => existsSync(join(site.place.cwd, 'done.txt'))

  it('shows the plan and its address; accepted, a fresh session carries it out without asking', async () => {
    const terminal = await asked()
    const [plan] = (await site.stores.plans.list()).plans
    const uri = `infer://plans/${plan?.id}`
    expect(terminal.screen()).toContain(uri)
    expect(terminal.screen()).toContain('1. Read it')
    terminal.press('Enter')
    await terminal.shows('Carried out.')
    expect(isDone()).toBe(true)
    await terminal.shows(/^auto-accept · /m)
    const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
    expect(conversations).toHaveLength(2)
    const loaded = await Promise.all(conversations.map(({ id }) => site.stores.conversations.load(id)))
    const begins = loaded.map(({ entries }) => String(entries[0]?.message.content)).sort()
    expect(begins).toEqual([expect.stringContaining(uri), 'plan it'])
  })

  it('accepted with s, each step is approved', async () => {
    const terminal = await asked()
    terminal.press('s')
    await terminal.shows('Allow Write?')
    expect(terminal.screen()).toMatch(/^standard · /m)
    expect(isDone()).toBe(false)
    terminal.press('y')
    await terminal.shows('Carried out.')
    expect(isDone()).toBe(true)
  })

  it('rejected, the model hears why and the mode stays', async () => {
    const terminal = await asked()
    terminal.press('n')
    await terminal.shows('what should be different')
    say(terminal, 'shorter, please')
    const screen = await terminal.shows('So I plan again.')
    expect(screen).toContain('refused: shorter, please')
    await terminal.shows(/^plan · /m)
    expect((await site.stores.conversations.list({ limit: 0, offset: 0 })).conversations).toHaveLength(1)
  })

  it('is found again with /plans', async () => {
    await site.stores.plans.save({ title: 'An older plan', body: '1. Dig\n' })
    const terminal = await site.chat()
    say(terminal, '/plans')
    expect(await terminal.shows('An older plan')).toContain('infer://plans/')
    terminal.press('Enter')
    expect(await terminal.shows('1. Dig')).toContain('# An older plan')
  })
})
