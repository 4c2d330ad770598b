import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Incoming } from '#channels/channel.ts'
import { ChannelError } from '#channels/channel-error.ts'
import { Telegram, type TelegramOptions } from '#channels/telegram/telegram.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TelegramServer, TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'

let server: TelegramServer
let log: RecordedLog
let stop: AbortController
beforeEach(async () => {
  server = await new TelegramServer().listen()
  log = new RecordedLog()
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  await server[Symbol.asyncDispose]()
})

const bot = (options: Partial<TelegramOptions> = {}) =>
  new Telegram({ token: TOKEN, allowedUsers: ['42'], pollTimeout: 1, apiRoot: server.url, log, ...options })

/** What it receives from an offset on. */
function receive(telegram: Telegram, offset?: number) {
  const received: Incoming[] = []
  const offsets: number[] = []
  const accept = async (messages: readonly Incoming[], next: number) => {
    received.push(...messages)
    offsets.push(next)
  }
  const ended = telegram.start({ offset, accept }, stop.signal)
  return { received, offsets, ended }
}

describe('receiving from Telegram', () => {
  it('begins behind the offset, hands over what counts, and passes the rest by', async () => {
    server.say(42, 'old')
    const second = server.say(42, 'new')
    server.say(99, 'from a stranger')
    server.sendPhoto(42)
    server.receive({ edited_message: {} })
    const { received, offsets, ended } = receive(bot(), second)
    await waitFor('three updates', () => offsets.length > 0 && server.unconfirmed === 0)
    expect(received).toEqual([
      { id: String(second), sender: '42', body: { kind: 'text', text: 'new' } },
      { id: String(second + 2), sender: '42', body: { kind: 'other' } },
    ])
    expect(offsets.at(-1)).toBe(second + 4)
    stop.abort()
    await ended
  })

  it.each([
    ['a fault of the server', { status: 502, description: 'Bad Gateway' }],
    ['another poller', { status: 409, description: 'Conflict: terminated by other getUpdates request' }],
    ['too many requests', { status: 429, description: 'Too Many Requests: retry after 1', retryAfter: 1 }],
    ['a server that hangs', { hang: true }],
  ])('goes on after %s', async (_, trouble) => {
    server.trouble({ method: 'getUpdates', times: 2, ...trouble })
    server.say(42, 'hello')
    const { received } = receive(bot({ callTimeoutMs: 100 }))
    await waitFor('the message', () => received.length === 1)
    expect(log.messages('warn').length).toBeLessThanOrEqual(1)
  })

  it('says a wrong token once, without naming it', async () => {
    const token = `${TOKEN}x`
    receive(bot({ token }))
    await waitFor('it is said', () => log.messages('error').length === 1)
    expect(log.messages('error')[0]).toMatch(/401: Unauthorized; telegram\.bot_token is wrong/)
    expect(JSON.stringify(log)).not.toContain(token)
  })

  it('says once that a token is revoked, whether it receives or sends', async () => {
    server.trouble({ method: 'getUpdates', status: 401, description: 'Unauthorized' })
    server.trouble({ method: 'sendMessage', status: 401, description: 'Unauthorized' })
    const telegram = bot()
    receive(telegram)
    await waitFor('it is said', () => log.messages('error').length === 1)
    await expect(telegram.send({ recipient: '42', text: 'hello' }, stop.signal)).rejects.toThrow(/401/)
    expect(log.messages('error')).toHaveLength(1)
  })

  it('names no token of an answer that is no JSON', async () => {
    server.trouble({ method: 'getMe', body: '<html>Bad Gateway</html>' })
    receive(bot())
    await waitFor('it is said', () => log.messages('warn').length === 1)
    expect(log.messages('warn')).toEqual(['Telegram cannot be reached (no proper answer)'])
    expect(JSON.stringify(log)).not.toContain(TOKEN)
  })

  it('survives a server that is not there, and names no token', async () => {
    const { url } = server
    const telegram = bot({ apiRoot: url })
    await server[Symbol.asyncDispose]()
    receive(telegram)
    await waitFor('it is said', () => log.messages('warn').length === 1)
    expect(log.messages('warn')).toEqual(['Telegram cannot be reached (ECONNREFUSED)'])
    server = await new TelegramServer().listen()
  })
})

describe('sending to Telegram', () => {
  const send = async (text: string) => await bot().send({ recipient: '42', text }, stop.signal)

  it('sends as plain text what Telegram does not take as HTML', async () => {
    server.trouble({ method: 'sendMessage', status: 400, description: "Bad Request: can't parse entities", times: 1 })
    await send('**bold** <')
    expect(server.messages).toMatchObject([{ html: false, text: '**bold** <' }])
  })

  it.each([
    [{ status: 429, description: 'Too Many Requests: retry after 7', retryAfter: 7 }, 'busy', 7_000],
    [{ status: 403, description: 'Forbidden: bot was blocked by the user' }, 'refused', undefined],
    [{ status: 400, description: 'Bad Request: chat not found' }, 'refused', undefined],
    [{ status: 500, description: 'Internal Server Error' }, 'passing', undefined],
  ] as const)('tells what %j means', async (trouble, kind, retryAfterMs) => {
    server.trouble({ method: 'sendMessage', ...trouble })
    const error = await send('x').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ChannelError)
    expect(error).toMatchObject({ kind, retryAfterMs })
  })
})
