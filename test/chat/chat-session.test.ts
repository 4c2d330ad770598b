import { describe, expect, it } from 'vitest'
import type { AnyTool } from '#agent/tool.ts'
import type { ChatSession } from '#chat/chat-session.ts'
import type { Question } from '#chat/question-queue.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { memoryStores } from '../agent/headless-options.ts'
import { overriding } from '../agent/overriding.ts'
import { calls, hangs, recordedModel, says } from '../agent/recorded-model.ts'
import { testTool } from '../agent/test-tool.ts'
import { waitFor } from '../support/wait-for.ts'
import { linesOf, openChat } from './chat-parts.ts'

const touch: AnyTool = testTool(() => ({ data: 'ok' }), { name: 'Touch', needsApproval: () => true })
const PLAN = { title: 'Ship it', plan: '## Goal\n\nship' }

async function asked(chat: ChatSession): Promise<Question> {
  return await waitFor('a question', () => chat.state.question)
}

describe('a chat', () => {
  it('shows what is said, stores it, and counts what it took', async () => {
    const { chat, stores } = await openChat(recordedModel(says('one\n\ntwo')))
    await chat.send('hello')
    expect(linesOf({ chat })).toEqual(['user: hello', 'answer: one\n\ntwo'])
    expect(chat.state.usage.tokens).toBe(15)
    const { entries } = await stores.conversations.load(chat.state.sessionId)
    expect(entries.map(({ message }) => message.content)).toEqual(['hello', 'one\n\ntwo'])
  })

  it('takes what is typed during a turn after it, in order', async () => {
    const { chat } = await openChat(recordedModel(says('1'), says('2'), says('3')))
    const first = chat.send('a')
    await chat.send('b')
    await chat.send('c')
    expect(chat.state.waiting).toEqual(['b', 'c'])
    await first
    expect(linesOf({ chat })).toEqual(['user: a', 'answer: 1', 'user: b', 'answer: 2', 'user: c', 'answer: 3'])
    expect(chat.state.live).toBeUndefined()
  })

  it('says after a command or a move what was typed meanwhile, in order, and in the conversation moved to', async () => {
    const done = Promise.withResolvers<void>()
    const runShell = async () => await done.promise.then(() => ({ output: '', failed: false }))
    const { chat } = await openChat(recordedModel(says('1'), says('2'), says('3'), says('4')), { runShell })
    await chat.send('before')
    const before = chat.state.sessionId
    await chat.renew()
    const command = chat.shell('make')
    expect(chat.state.live?.command).toBe('make')
    await Promise.all([chat.send('a'), chat.send('b')])
    done.resolve()
    await command
    expect(linesOf({ chat }).slice(-5)).toEqual(['shell: make: ', 'user: a', 'answer: 2', 'user: b', 'answer: 3'])
    const moving = chat.move(before)
    await chat.send('here')
    await moving
    expect(chat.state.sessionId).toBe(before)
    expect(linesOf({ chat }).slice(-4)).toEqual(['user: before', 'answer: 1', 'user: here', 'answer: 4'])
  })

  it('keeps what was said when a turn is interrupted, and gives back what waited', async () => {
    const { chat, stores } = await openChat(recordedModel(hangs('half an ans')))
    const turn = chat.send('go')
    await waitFor('the answer begins', () => chat.state.live?.text === 'half an ans')
    await chat.send('next')
    expect(chat.cancel()).toEqual(['next'])
    await turn
    expect(linesOf({ chat })).toEqual(['user: go', 'answer: half an ans', 'note: Interrupted; what was said is kept.'])
    const { entries } = await stores.conversations.load(chat.state.sessionId)
    expect(entries.at(-1)?.message.content).toBe('half an ans')
  })

  it('asks about parallel calls one after the other, and tells the model what was refused and why', async () => {
    const client = recordedModel(calls(['Touch', { n: 1 }], ['Touch', { n: 2 }]), says('fine'))
    const { chat } = await openChat(client, { tools: [touch] })
    const turn = chat.send('go')
    expect(await asked(chat)).toMatchObject({ kind: 'approval', question: { call: { id: 'c1' } } })
    chat.answerApproval({ approved: true })
    await waitFor('the second question', () => {
      const { question } = chat.state
      return question?.kind === 'approval' && question.question.call.id === 'c2'
    })
    chat.answerApproval({ approved: false, feedback: 'not now' })
    await turn
    expect(linesOf({ chat }).slice(1, 3)).toEqual(['tool result: Touch(n=1)', 'tool rejected: Touch(n=2)'])
    expect(client.requests.at(-1)?.messages.at(-1)?.content).toContain('They said: not now')
  })

  it('takes a question away with the turn that asked it', async () => {
    const { chat } = await openChat(recordedModel(calls(['Touch', {}])), { tools: [touch] })
    const turn = chat.send('go')
    await asked(chat)
    chat.cancel()
    await turn
    expect(chat.state.question).toBeUndefined()
    chat.answerApproval({ approved: true })
    expect(linesOf({ chat }).at(-1)).toBe('note: Interrupted; what was said is kept.')
  })

  it.each([
    ['auto', 'auto'],
    ['standard', 'standard'],
  ] as const)('carries an accepted plan out in a fresh session, in mode %s', async (mode, now) => {
    const client = recordedModel(calls(['RequestPlanApproval', PLAN]), says('carried out'))
    const { chat, stores } = await openChat(client)
    chat.setMode('plan')
    const before = chat.state.sessionId
    const turn = chat.send('plan it')
    const question = await asked(chat)
    const [plan] = (await stores.plans.list()).plans
    expect(question).toEqual({
      kind: 'plan',
      plan: { uri: `infer://plans/${plan?.id}`, title: 'Ship it', body: PLAN.plan },
    })
    chat.answerPlan({ accepted: true, mode })
    await turn
    expect(chat.state.mode).toBe(now)
    expect(chat.state.sessionId).not.toBe(before)
    const { entries } = await stores.conversations.load(chat.state.sessionId)
    expect(entries[0]?.message.content).toContain(`infer://plans/${plan?.id}`)
    expect(client.requests.at(-1)?.messages).toHaveLength(2)
  })

  it('tells the model why a plan was rejected, and stays in its session', async () => {
    const client = recordedModel(calls(['RequestPlanApproval', PLAN]), says('again'))
    const { chat } = await openChat(client)
    chat.setMode('plan')
    const before = chat.state.sessionId
    const turn = chat.send('plan it')
    await asked(chat)
    chat.answerPlan({ accepted: false, feedback: 'too long' })
    await turn
    expect(chat.state).toMatchObject({ mode: 'plan', sessionId: before })
    expect(client.requests.at(-1)?.messages.at(-1)?.content).toContain('They said: too long')
  })

  it('carries out no plan later whose turn failed behind the answer', async () => {
    const stores = memoryStores()
    let away = false
    const conversations = overriding(stores.conversations, {
      append: async (id, write) => {
        if (away) throw new StorageError('E_UNAVAILABLE', 'postgres', 'the store does not answer')
        await stores.conversations.append(id, write)
      },
    })
    const client = recordedModel(calls(['RequestPlanApproval', PLAN]), says('something else'))
    const { chat } = await openChat(client, { stores: { ...stores, conversations } })
    chat.setMode('plan')
    const turn = chat.send('plan it')
    await asked(chat)
    away = true
    chat.answerPlan({ accepted: true, mode: 'auto' })
    await turn
    expect(linesOf({ chat }).at(-1)).toBe('error: the store does not answer')
    away = false
    await chat.send('never mind')
    expect(linesOf({ chat }).at(-1)).toBe('answer: something else')
    expect(chat.state.mode).toBe('plan')
  })

  it('goes on in another conversation, and shows what was said there', async () => {
    const { chat } = await openChat(recordedModel(says('one'), says('two')))
    await chat.send('first')
    const first = chat.state.sessionId
    await chat.renew()
    await chat.send('second')
    expect(chat.state.sessionId).not.toBe(first)
    await chat.move(first)
    expect(linesOf({ chat }).slice(-3)).toEqual([`divider: session ${first}`, 'user: first', 'answer: one'])
  })

  it('moves a session group on with a summary when it begins anew, and stays out of the way otherwise', async () => {
    const stores = memoryStores()
    const key = 'channel-telegram-7'
    const client = recordedModel(says('one'), says('they said one'), says('two'))
    const { chat } = await openChat(client, { stores, asked: key })
    await chat.send('first')
    const first = chat.state.sessionId
    await chat.renew()
    const group = await stores.sessionGroups.get(key)
    expect(group).toMatchObject({ currentSessionId: chat.state.sessionId, history: [first] })
    expect(linesOf({ chat }).at(-1)).toBe(`divider: session ${chat.state.sessionId}, begun with a summary`)
    await chat.send('second')
    expect(client.requests.at(-1)?.messages.some(({ content }) => content.includes('they said one'))).toBe(true)
  })

  it('moves a session group on when it has rested for long', async () => {
    const stores = memoryStores()
    const key = 'channel-telegram-7'
    const { chat } = await openChat(recordedModel(says('one')), { stores, asked: key })
    await chat.send('first')
    const first = chat.state.sessionId
    await stores.conversations.updateMetadata(first, { updatedAt: new Date(Date.now() - 3_600_000) })
    const later = await openChat(recordedModel(says('in short'), says('two')), { stores, asked: key })
    expect(later.chat.state.sessionId).toBe(first)
    await later.chat.send('second')
    expect(later.chat.state.sessionId).not.toBe(first)
    expect((await stores.conversations.load(first)).entries).toHaveLength(2)
  })

  it('says what went wrong, shows that the store is away, and that it is back', async () => {
    const stores = memoryStores()
    let away = true
    const conversations = overriding(stores.conversations, {
      append: async (id, write) => {
        if (away) throw new StorageError('E_UNAVAILABLE', 'postgres', 'the store does not answer')
        await stores.conversations.append(id, write)
      },
    })
    const health = async () => {
      if (away) throw new Error('gone')
    }
    const { chat } = await openChat(recordedModel(says('ok')), { stores: { ...stores, conversations }, health })
    await chat.send('hello')
    expect(linesOf({ chat })).toEqual(['user: hello', 'error: the store does not answer'])
    expect(chat.state.away.store).toBe('the store does not answer')
    await chat.checkStore()
    expect(chat.state.away.store).toBe('gone')
    away = false
    await chat.checkStore()
    expect(chat.state.away).toEqual({})
    await chat.send('again')
    expect(linesOf({ chat }).at(-1)).toBe('answer: ok')
  })

  it('runs commands of the person without telling the model', async () => {
    const { chat, stores } = await openChat(recordedModel())
    await chat.shell('ls')
    expect(linesOf({ chat })).toEqual(['shell: ls: ran ls'])
    expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
  })

  it('keeps the newest items only, however long it lasts, and all that were not printed yet', async () => {
    const turns = Array.from({ length: 400 }, () => says('ok'))
    const { chat } = await openChat(recordedModel(...turns))
    for (let n = 0; n < 400; n += 1) await chat.send(`m${n}`)
    expect(chat.state.items).toHaveLength(800)
    chat.printed(99)
    chat.note('one more')
    expect(chat.state.items.map(({ id }) => id)).toEqual(Array.from({ length: 701 }, (_, index) => index + 100))
    chat.printed(800)
    chat.note('and one')
    expect(chat.state.items).toHaveLength(501)
    expect(chat.state.items.at(-1)?.id).toBe(801)
  })
})
