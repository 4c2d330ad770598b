import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startScriptedGateway } from '#gateway/scripted/server.ts'
import { isRunning } from '../support/processes.ts'
import { serverUrl } from '../support/servers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { freePort } from '../support/test-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { type ChatSite, chatSite, say } from './chat-site.ts'

/** What is stored of the only conversation, a message an entry. */
async function said(site: ChatSite): Promise<string[]> {
  const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
  const [only] = conversations
  if (!only) return []
  const { entries, damage } = await site.stores.conversations.load(only.id)
  expect(damage).toEqual([])
  return entries.map(({ message }) => String(message.content))
}

describe('the end of a chat', () => {
  let site: ChatSite
  beforeEach(async () => {
    site = await chatSite()
  })
  afterEach(() => site[Symbol.asyncDispose]())

  it('esc interrupts a turn, keeps what was said, and gives back what waited', async () => {
    const terminal = await site.chat()
    say(terminal, 'endless')
    await terminal.shows('Spoken fi')
    say(terminal, 'next thing')
    await terminal.shows('1 waiting')
    terminal.press('Escape')
    const screen = await terminal.shows('Interrupted; what was said is kept.')
    expect(screen).toContain('Spoken fi')
    await terminal.shows('> next thing')
    const [asked, answer] = await waitFor('it is stored', async () => {
      const all = await said(site)
      return all.length === 2 && all
    })
    expect([asked, answer?.slice(0, 9)]).toEqual(['endless', 'Spoken fi'])
  })

  it('ctrl+c twice leaves, the cursor is back, and nothing of the prompt is left', async () => {
    const terminal = await site.chat()
    say(terminal, 'hello')
    await terminal.shows('Good day.')
    terminal.type('half a line')
    await terminal.shows('half a line')
    terminal.press('C-c')
    expect(await terminal.shows('ctrl+c again leaves')).not.toContain('half a line')
    terminal.press('C-c')
    const screen = await terminal.shows('[exit 0]')
    expect(screen).toContain('Good day.')
    expect(screen).toContain('Go on with this session: infer chat --session-id ')
    expect(screen).not.toContain('say something')
    expect(screen).not.toContain('again leaves')
    expect(terminal.cursorIsShown).toBe(true)
  })

  it('ctrl+d at an empty line leaves, and leaves no session behind when nothing was said', async () => {
    const terminal = await site.chat()
    terminal.press('C-d')
    expect(await terminal.shows('[exit 0]')).not.toContain('--session-id')
    expect(await said(site)).toEqual([])
  })

  it.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)(
    '%s in the middle of an answer stores what was said',
    async (signal) => {
      const terminal = await site.chat()
      say(terminal, 'endless')
      await terminal.shows('Spoken fi')
      const { pid } = terminal
      if (signal === 'SIGHUP') terminal.close()
      else {
        process.kill(pid, signal)
        await terminal.shows('[exit 130]')
        expect(terminal.cursorIsShown).toBe(true)
      }
      await waitFor('it ends', () => !isRunning(pid))
      const [asked, answer] = await said(site)
      expect([asked, answer?.slice(0, 9)]).toEqual(['endless', 'Spoken fi'])
    },
  )

  it('has the keys again after it was stopped and a shell had the terminal', async () => {
    const terminal = await site.chat()
    say(terminal, 'endless')
    await terminal.shows('Spoken fi')
    const { pid } = terminal
    const tty = readlinkSync(`/proc/${pid}/fd/0`)
    process.kill(pid, 'SIGSTOP')
    execFileSync('stty', ['-F', tty, 'sane'])
    process.kill(pid, 'SIGCONT')
    await waitFor('the terminal is raw', () =>
      execFileSync('stty', ['-F', tty, '-a'], { encoding: 'utf8' }).includes('-icanon'),
    )
    terminal.press('Escape')
    await terminal.shows('Interrupted')
    terminal.paste('one\ntwo')
    await terminal.shows(/> one\n {2}two/)
  })

  it('after kill -9 everything but the answer that streamed is there, and can be gone on with', async () => {
    const terminal = await site.chat({ args: ['--session-id', 'killed'] })
    say(terminal, 'hello')
    await terminal.shows('Good day.')
    say(terminal, 'endless')
    await terminal.shows('Spoken fi')
    process.kill(terminal.pid, 'SIGKILL')
    await terminal.shows('[exit 137]')
    expect(await said(site)).toEqual(['hello', 'Good day.', 'endless'])
    expect(await site.stores.shellHistory.load(0)).toEqual(['hello', 'endless'])
    const next = await site.chat({ args: ['--session-id', 'killed'] })
    await next.shows('> endless')
  })

  it('without a gateway it ends at once with what to do', async () => {
    const port = await freePort()
    const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: `http://127.0.0.1:${port}` }
    for (const more of [{}, { INFER_AGENT_MODEL: 'some/model' }]) {
      const terminal = site.start({ env: { ...env, ...more } })
      const screen = await terminal.shows('[exit 4]')
      expect(screen).toContain(`No gateway answers at http://127.0.0.1:${port}`)
      expect(screen).toContain('docker run')
      expect(terminal.cursorIsShown).toBe(true)
    }
  })
})

it('a store that goes away is shown, loses nothing that was typed, and is gone on with when it is back', async () => {
  const server = new URL(await serverUrl('postgres'))
  await using proxy = await TcpProxy.open({ host: server.hostname, port: Number(server.port) })
  const through = (url: string) => {
    const address = new URL(url)
    address.host = `127.0.0.1:${proxy.port}`
    return address.href
  }
  await using site = await chatSite('postgres', undefined, through)
  const terminal = await site.chat()
  say(terminal, 'hello')
  await terminal.shows('Good day.')
  await proxy.cut()
  say(terminal, 'hello while it is away')
  await terminal.shows('✗ store away')
  await proxy.restore()
  await terminal.showsNoMore('store away')
  say(terminal, 'hello again')
  await terminal.shows(/hello again\s+Good day\./)
  expect((await said(site)).at(-2)).toBe('hello again')
})

it('a gateway that goes away or hangs is shown until it answers again, and what was said is kept', async () => {
  const scenarios = [
    { name: 'hello', match: '^hello', turns: [{ content: 'Good day.' }] },
    { name: 'hang', match: '^hang', turns: [{ stall: { times: -1, connect: true } }] },
  ]
  await using gateway = await startScriptedGateway({ scenarios: { scenarios } })
  await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: Number(new URL(gateway.url).port) })
  await using site = await chatSite()
  const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: `http://127.0.0.1:${proxy.port}` }
  const terminal = await site.chat({
    env: { ...env, INFER_CLIENT_RETRY_ENABLED: 'false', INFER_CLIENT_TIMEOUT: '3' },
  })
  say(terminal, 'hello')
  await terminal.shows('Good day.')
  await proxy.cut()
  say(terminal, 'hello while it is away')
  await terminal.shows('✗ gateway away')
  await terminal.shows('No gateway answers at')
  await proxy.restore()
  say(terminal, 'hello again')
  await terminal.shows(/hello again\s+Good day\./)
  await terminal.showsNoMore('gateway away')
  say(terminal, 'hang')
  await terminal.shows('✗ gateway away')
  say(terminal, 'hello at last')
  await terminal.shows(/hello at last\s+Good day\./)
  await terminal.showsNoMore('gateway away')
  const kept = ['hello', 'Good day.', 'hello while it is away', 'hello again', 'Good day.', 'hang', 'hello at last']
  expect(await said(site)).toEqual([...kept, 'Good day.'])
})
