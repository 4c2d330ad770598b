import { describe, expect, it } from 'vitest'
import { messagesOf } from '#agent/messages.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'

const entry = (message: ConversationEntry['message']): ConversationEntry => ({ message })
const call = (id: string) => ({ function: { arguments: '{}', name: 'Read' }, id, type: 'function' })

describe('messagesOf', () => {
  it('fills in the result of a call that a killed run left open', () => {
    const messages = messagesOf([
      entry({ role: 'assistant', content: '', tool_calls: [call('a'), call('b')] }),
      entry({ role: 'tool', content: 'done', tool_call_id: 'a' }),
      entry({ role: 'user', content: 'and now?' }),
    ])
    expect(messages.map((message) => [message.role, 'tool_call_id' in message ? message.tool_call_id : ''])).toEqual([
      ['assistant', ''],
      ['tool', 'a'],
      ['tool', 'b'],
      ['user', ''],
    ])
    expect(messages[2]?.content).toMatch(/^Tool execution failed: the run ended before/)
  })

  it('also does so at the very end, where the next message will follow', () => {
    const messages = messagesOf([entry({ role: 'assistant', content: '', tool_calls: [call('a')] })])
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool'])
  })

  it('leaves out a result that answers nothing, and an answer without words', () => {
    const messages = messagesOf([
      entry({ role: 'tool', content: 'orphan', tool_call_id: 'x' }),
      entry({ role: 'assistant', content: '' }),
      entry({
        role: 'user',
        content: [{ type: 'text', text: 'from' }, { type: 'image' }, { type: 'text', text: 'parts' }],
      }),
    ])
    expect(messages).toEqual([{ role: 'user', content: 'from\nparts' }])
  })

  it('puts results into the order of the calls, however they are stored', () => {
    const messages = messagesOf([
      entry({ role: 'assistant', content: '', tool_calls: [call('a'), call('b')] }),
      entry({ role: 'tool', content: 'of b', tool_call_id: 'b' }),
      entry({ role: 'tool', content: 'of a', tool_call_id: 'a' }),
      entry({ role: 'tool', content: 'of a again', tool_call_id: 'a' }),
    ])
    expect(messages.slice(1).map(({ content }) => content)).toEqual(['of a', 'of b'])
  })

  it('keeps hidden messages: they are hidden from people only', () => {
    expect(messagesOf([{ ...entry({ role: 'user', content: 'reminder' }), hidden: true }])).toHaveLength(1)
  })
})
