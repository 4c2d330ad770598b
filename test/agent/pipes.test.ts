import { PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { openPipes, type Pipes } from '#agent/pipes.ts'
import type { AgentLine } from '#agent/protocol.ts'

const signal = new AbortController().signal
const question = (id: string) => ({
  call: { id, type: 'function' as const, function: { name: 'Write', arguments: '{"a": 1}' } },
  description: undefined,
})

function piped() {
  const input = new PassThrough()
  const lines: AgentLine[] = []
  const warnings: string[] = []
  const emit = (line: AgentLine) => lines.push(line)
  const pipes: Pipes = openPipes({ input, emit, warn: (message) => warnings.push(message) })
  const send = (line: object) => input.write(`${JSON.stringify(line)}\n`)
  const answer = (id: string, approved: boolean, more: object = {}) =>
    send({ type: 'approval_response', tool_call_id: id, approved, ...more })
  return { input, pipes, lines, warnings, send, answer }
}

describe('openPipes', () => {
  it('reads the task, also one that looks like a flag', async () => {
    const { pipes, send } = piped()
    send({ type: 'task', content: '--mode auto' })
    expect(await pipes.task()).toBe('--mode auto')
  })

  it('has no task when the input ends without one', async () => {
    const { pipes, input } = piped()
    input.end()
    expect(await pipes.task()).toBeUndefined()
  })

  it('prints a question with the raw arguments and takes the answer with its id', async () => {
    const { pipes, lines, answer } = piped()
    const first = pipes.approve(question('c1'), signal)
    const second = pipes.approve({ ...question('c2'), description: 'what it does' }, signal)
    expect(lines).toEqual([
      { type: 'approval_request', tool_name: 'Write', tool_args: '{"a": 1}', tool_call_id: 'c1' },
      {
        type: 'approval_request',
        tool_name: 'Write',
        tool_args: '{"a": 1}',
        tool_call_id: 'c2',
        description: 'what it does',
      },
    ])
    answer('c2', true)
    expect(await second).toEqual({ approved: true })
    answer('c1', false, { feedback: 'no' })
    expect(await first).toEqual({ approved: false, feedback: 'no' })
  })

  it('ignores an answer that comes early, late, or for another call', async () => {
    const { pipes, answer, send } = piped()
    answer('c1', true)
    send({ type: 'task', content: 'read after it' })
    await pipes.task()
    const first = pipes.approve(question('c1'), signal)
    answer('other', true)
    answer('c1', false)
    answer('c1', true)
    expect(await first).toEqual({ approved: false })
  })

  it('takes the end of the input for a refusal, of open and of later questions', async () => {
    const { pipes, input } = piped()
    const open = pipes.approve(question('c1'), signal)
    input.end()
    expect(await open).toMatchObject({ approved: false })
    expect(await pipes.approve(question('c2'), signal)).toMatchObject({ approved: false })
  })

  it('gives a question up when the run is stopped', async () => {
    const { pipes } = piped()
    const stop = new AbortController()
    const open = pipes.approve(question('c1'), stop.signal)
    stop.abort(new Error('enough'))
    await expect(open).rejects.toThrow('enough')
  })

  it('says which line it does not understand', async () => {
    const { input, warnings } = piped()
    input.write('\nyes\n')
    await vi.waitFor(() => expect(warnings).toHaveLength(1))
    expect(warnings[0]).toMatch(/^Line 2 of the input/)
  })

  it('lets go of the input when it is disposed', () => {
    const { pipes, input } = piped()
    pipes[Symbol.dispose]()
    expect(input.destroyed).toBe(true)
  })
})
