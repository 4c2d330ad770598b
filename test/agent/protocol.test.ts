import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runHeadless } from '#agent/headless.ts'
import { type AgentLine, formatLine, parseAgentLine, parseInputLine, summariseCall } from '#agent/protocol.ts'
import { headlessOptions } from './headless-options.ts'
import { calls, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const GO_LINES = readFileSync('test/fixtures/go-cli/later/agent.ndjson', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>)

/** Keys by kind of line, keys of objects inside included. */
function keysByKind(lines: readonly object[]): Map<string, Set<string>> {
  const kinds = new Map<string, Set<string>>()
  for (const line of lines as Record<string, unknown>[]) {
    const calls = Array.isArray(line.tool_calls) ? ' with calls' : ''
    const kind = String(line.type ?? line.role) + calls
    const keys = kinds.get(kind) ?? new Set()
    for (const [key, value] of Object.entries(line)) {
      keys.add(key)
      if (typeof value !== 'object' || value === null || key === 'tools') continue
      const inner = Array.isArray(value) ? value[0] : value
      for (const [name, deep] of Object.entries(inner)) {
        keys.add(`${key}.${name}`)
        if (typeof deep === 'object' && deep)
          for (const deepest of Object.keys(deep)) keys.add(`${key}.${name}.${deepest}`)
      }
    }
    kinds.set(kind, keys)
  }
  return kinds
}

describe('the lines on stdout', () => {
  it('have every key that the Go CLI prints, and only our own additions', async () => {
    const lines: AgentLine[] = []
    const client = recordedModel(calls(['Test', { command: 'ls' }]), says('done'))
    const tools = () => [testTool(() => ({ data: { output: 'x' } }))]
    await runHeadless(headlessOptions({ client, tools, emit: (line) => lines.push(line) }))
    const ours = keysByKind(lines)
    const theirs = keysByKind(GO_LINES)
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort())
    const added: string[] = []
    for (const [kind, keys] of theirs) {
      expect([...keys.difference(ours.get(kind) ?? new Set())], `missing in ${kind}`).toEqual([])
      for (const key of (ours.get(kind) ?? new Set()).difference(keys)) added.push(`${kind}: ${key}`)
    }
    expect(added.sort()).toEqual([
      'session_stats: duration_ms',
      'session_stats: session_id',
      'session_stats: tool_calls',
    ])
    const content = (line: object) => String((line as { content?: string }).content)
    const record = (all: readonly object[]) =>
      JSON.parse(content(all.find(isTool) ?? {}).slice('Result of tool call: '.length))
    const isTool = (line: object) => 'role' in line && line.role === 'tool'
    expect(Object.keys(record(lines))).toEqual(Object.keys(record(GO_LINES)))
  })

  it('are one document a line, read back as they were', () => {
    const line: AgentLine = { type: 'warning', message: 'two\nlines', timestamp: '2026-01-01T00:00:00.000Z' }
    const text = formatLine(line)
    expect(text.indexOf('\n')).toBe(text.length - 1)
    expect(parseAgentLine(text)).toEqual(line)
    expect(parseAgentLine('{"type":"else"}')).toBeUndefined()
    expect(parseAgentLine('npm warn something')).toBeUndefined()
  })
})

describe('the lines on stdin', () => {
  it('are tasks and approval responses, and nothing else', () => {
    expect(parseInputLine('{"type":"task","content":"--version","extra":1}')).toEqual({
      type: 'task',
      content: '--version',
    })
    expect(parseInputLine('{"type":"approval_response","tool_call_id":"c","approved":false,"feedback":"no"}')).toEqual({
      type: 'approval_response',
      tool_call_id: 'c',
      approved: false,
      feedback: 'no',
    })
    for (const text of [
      'yes',
      '[]',
      '{"type":"task"}',
      '{"type":"approval_response","tool_call_id":"c","approved":"true"}',
      '{"type":"approval_response","approved":true}',
    ]) {
      expect(parseInputLine(text)).toBeUndefined()
    }
  })
})

describe('summariseCall', () => {
  const summary = (name: string, args: string) => summariseCall({ function: { name, arguments: args } })

  it('shows the arguments in order and cuts values at 60 characters', () => {
    expect(summary('Bash', '{"command":"echo hello-from-bash"}')).toBe('Bash(command=echo hello-from-bash)')
    expect(summary('Read', '{"file_path":"a","limit":3}')).toBe('Read(file_path=a, limit=3)')
    expect(summary('X', JSON.stringify({ v: '🚀'.repeat(61) }))).toBe(`X(v=${'🚀'.repeat(60)}...)`)
    expect(summary('X', JSON.stringify({ v: 'a'.repeat(60) }))).toBe(`X(v=${'a'.repeat(60)})`)
    expect(summary('X', '{"v":')).toBe('X({"v":)')
  })
})
