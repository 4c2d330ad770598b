import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Approvals } from '#channels/approvals.ts'
import type { Button } from '#channels/channel.ts'
import { Telegram } from '#channels/telegram/telegram.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { type SeenMessage, TelegramServer, TOKEN } from '../support/telegram-server.ts'

let stores: Stores
let server: TelegramServer
const never = new AbortController().signal
beforeEach(async () => {
  stores = await openStores({ type: 'memory', warn: () => {} })
  server = await new TelegramServer().listen()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await stores[Symbol.asyncDispose]()
})

function open(expiryMs = 60_000) {
  const log = new RecordedLog()
  const channel = new Telegram({ token: TOKEN, allowedUsers: ['42'], pollTimeout: 1, apiRoot: server.url, log })
  const approvals = new Approvals({
    channel,
    coordination: stores.coordination,
    persist: async (act) => await act(),
    deliver: async (act, signal) => await act(signal),
    log,
    expiryMs,
  })
  const ask = (args = '{"command":"ls"}', signal = never) =>
    approvals.ask(
      { type: 'approval_request', tool_name: 'Bash', tool_args: args, tool_call_id: 'call_1' },
      { runId: '700', approver: '42' },
      signal,
    )
  return { approvals, ask, account: channel.account }
}

const button = (message: SeenMessage, approved: boolean): Button => ({
  kind: 'button',
  approval: message.buttons[0]?.callback_data.slice(2) ?? '',
  approved,
  query: 'q',
  message: String(message.id),
})

describe('a question in a chat', () => {
  it('is stored with whom and what it is about before it is asked, and forgotten when it is decided', async () => {
    const { approvals, ask, account } = open()
    const asked = ask()
    const question = await server.sent(42, /^Approve Bash/)
    expect(await stores.coordination.approvals(account)).toMatchObject([
      { runId: '700', toolCallId: 'call_1', approver: '42' },
    ])
    await approvals.press('42', button(question, true), never)
    expect(await asked).toEqual({ approved: true })
    expect(await stores.coordination.approvals(account)).toEqual([])
  })

  it('is decided by one of many presses at once', async () => {
    const { approvals, ask } = open()
    const asked = ask()
    const question = await server.sent(42, /^Approve Bash/)
    const presses = [false, true, true, false].map((approved) => button(question, approved))
    await Promise.all(presses.map((press) => approvals.press('42', press, never)))
    expect(await asked).toEqual({ approved: false })
    expect(server.notices.map(({ text }) => text).sort()).toEqual([
      'Rejected.',
      ...Array(3).fill('This is no longer valid, nothing was changed.'),
    ])
  })

  it('is decided by nobody else', async () => {
    const { approvals, ask } = open()
    const stop = new AbortController()
    const asked = ask('{}', stop.signal)
    const question = await server.sent(42, /^Approve Bash/)
    await approvals.press('7', button(question, true), never)
    expect(server.notices[0]?.text).toMatch(/no longer valid/)
    stop.abort(new Error('over'))
    await expect(asked).rejects.toThrow()
  })

  it('approves nothing when another process has taken it out of the store', async () => {
    const { approvals, ask, account } = open()
    const asked = ask()
    const question = await server.sent(42, /^Approve Bash/)
    const [{ id = '' } = {}] = await stores.coordination.approvals(account)
    expect(await stores.coordination.resolveApproval(account, id)).toBe(true)
    await approvals.press('42', button(question, true), never)
    expect(await asked).toMatchObject({ approved: false })
    expect(server.notices[0]?.text).toMatch(/no longer valid/)
  })

  it('counts as rejected when its time is over, and its button as stale', async () => {
    const { approvals, ask } = open(50)
    const asked = ask()
    const question = await server.sent(42, /^Approve Bash/)
    const press = button(question, true)
    expect(await asked).toMatchObject({ approved: false, feedback: expect.stringMatching(/^Nobody answered/) })
    await approvals.press('42', press, never)
    expect(server.notices[0]?.text).toMatch(/no longer valid/)
    expect(question).toMatchObject({ buttons: [], text: expect.stringMatching(/Nobody answered within/) })
  })

  it('shows what could deceive as an escape, set apart from the words around it', async () => {
    const { ask } = open()
    const stop = new AbortController()
    const asked = ask('{"command":"echo \u202e <b>`x`\\u0007"}', stop.signal)
    const { text, entities } = await server.sent(42, /^Approve Bash/)
    const [{ offset = 0, length = 0 } = {}] = entities
    expect(text.slice(offset, offset + length)).toBe('{\n  "command": "echo \\u202e <b>`x`\\u0007"\n}')
    stop.abort(new Error('over'))
    await expect(asked).rejects.toThrow()
  })
})
