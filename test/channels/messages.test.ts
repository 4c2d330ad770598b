import { describe, expect, it } from 'vitest'
import type { AgentLine, ApprovalRequestLine } from '#agent/protocol.ts'
import type { AgentProcess } from '#channels/agent-process.ts'
import { Approvals, type Decision } from '#channels/approvals.ts'
import { Messages } from '#channels/messages.ts'
import { Outbox } from '#channels/outbox.ts'
import { StoredInbox } from '#channels/stored-inbox.ts'
import { Telegram } from '#channels/telegram/telegram.ts'
import { openMemory } from '#storage/memory/open.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'

const never = new AbortController().signal
const REQUEST: ApprovalRequestLine = { type: 'approval_request', tool_name: 'Bash', tool_args: '{}', tool_call_id: 'c' }

describe('the sign that an answer is being worked on', () => {
  it('is shown but while a question is open', async () => {
    const { coordination, sessionGroups } = openMemory({ type: 'memory', warn: () => {} })
    const log = new RecordedLog()
    const persist = async <T>(act: () => Promise<T>) => await act()
    const channel = new Telegram({ token: TOKEN, allowedUsers: ['42'], pollTimeout: 1, apiRoot: '', log })
    const shown: AbortSignal[] = []
    channel.showWorking = (_, signal) => void shown.push(signal)
    channel.send = async () => {}
    const term = { fence: 1, lost: never, confirmed: async () => true }
    const outbox = new Outbox(channel, term)
    const approvals = new Approvals({ channel, coordination, persist, log, deliver: outbox.deliver, expiryMs: 60_000 })
    const decided = Promise.withResolvers<Decision>()
    approvals.ask = async () => await decided.promise
    const answered = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    async function* lines(): AsyncGenerator<AgentLine> {
      yield REQUEST
      await finish.promise
    }
    const agent: AgentProcess = {
      lines: lines(),
      respond: () => answered.resolve(),
      stop: () => {},
      ended: finish.promise.then(() => ({ ok: true, how: 'exit code 0' })),
    }
    const message = { id: '1', sender: '42', body: { kind: 'text' as const, text: 'do it' }, interrupted: false }
    const inbox = new StoredInbox(coordination, { account: channel.account, fence: 1, persist })
    await inbox.accept([message], { from: undefined, to: 2 }, never)
    const messages = new Messages({
      ...{ channel, inbox, outbox, approvals, sessionGroups, persist, log, maxWorkers: 1 },
      ...{ startAgent: () => agent, stop: never, end: never, lost: never },
    })
    messages.add([message])
    await waitFor('the question', () => shown[0]?.aborted)
    expect(shown).toHaveLength(1)
    decided.resolve({ approved: true })
    await answered.promise
    expect(shown.map(({ aborted }) => aborted)).toEqual([true, false])
    finish.resolve()
    await messages.settled()
    expect(log.lines.map(({ fields }) => fields.id)).toEqual(['1', '1'])
    expect(shown.map(({ aborted }) => aborted)).toEqual([true, true])
  })
})
