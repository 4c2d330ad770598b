import { expect, it } from 'vitest'
import type { AgentLine } from '#agent/protocol.ts'
import { progressLine } from '#commands/progress-line.ts'

const at = { timestamp: '2026-05-01T10:00:00.000Z' }
const answer = { role: 'assistant', request_id: 'r', ...at } as const
const call = {
  id: 'c',
  type: 'function',
  function: { name: 'Read', arguments: '{"file_path":"a\\u001b.txt"}' },
} as const

it.each<[string, AgentLine, string | undefined]>([
  ['the session', { type: 'info', message: 'x', session_id: 's', model: 'm', ...at }, 'Session s with m.'],
  ['a warning on one line', { type: 'warning', message: 'two\nlines', ...at }, 'warning: two lines'],
  [
    'calls below what was said',
    { ...answer, content: 'I look.', tool_calls: [call] },
    'I look.\n> Read(file_path=a\\x1b.txt)',
  ],
  ['calls alone', { ...answer, content: '', tool_calls: [call] }, '> Read(file_path=a\\x1b.txt)'],
  ['a tool in one line', { role: 'tool', content: 'one\n\ttwo', tool_call_id: 'c', ...at }, '  one two'],
  [
    'a long tool in 100 characters',
    { role: 'tool', content: '\u{1f600}'.repeat(101), tool_call_id: 'c', ...at },
    `  ${'\u{1f600}'.repeat(100)}...`,
  ],
  ['not the prompt', { role: 'user', content: 'x', ...at }, undefined],
  ['not the last answer, which is the result', { ...answer, content: 'x' }, undefined],
  ['not what a tool ended it with, which is the result', { type: 'info', message: 'x', ...at }, undefined],
  ['not the error, which comes at the end', { type: 'agent_error', message: 'x', ...at }, undefined],
])('shows %s', (_, line, shown) => {
  expect(progressLine(line)).toBe(shown)
})
