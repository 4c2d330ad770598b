import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newPlace, type Place } from './infer-process.ts'

let place: Place
beforeEach(async () => {
  place = await newPlace()
})
afterEach(() => place[Symbol.asyncDispose]())

const kinds = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ type, role }) => type ?? role)

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function storedEntries(id: string): Promise<{ message: Record<string, unknown> }[]> {
  const text = await readFile(join(place.cwd, '.infer/conversations', `${id}.jsonl`), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .flatMap(({ type, entry }) => (type === 'entry' ? [entry] : []))
}

describe('infer agent', () => {
  it('prints NDJSON and nothing else, and exits 0', async () => {
    const { code, stdout } = await place.run(['agent', 'say hello'])
    expect(kinds(stdout)).toEqual(['info', 'user', 'assistant', 'session_stats'])
    expect(stdout).toContain('"content":"Hello! How can I help?"')
    expect(code).toBe(0)
  })

  it('reads the task from a pipe, with and without -', async () => {
    for (const args of [['agent'], ['agent', '-']]) {
      const { code, stdout } = await place.run(args, { input: 'say hello\n\nand --mode auto\n' })
      expect(stdout).toContain('{"role":"user","content":"say hello\\n\\nand --mode auto"')
      expect(code).toBe(0)
    }
  })

  it('exits 2 without a task and with a wrong flag', async () => {
    for (const args of [
      ['agent'],
      ['agent', 'x', '--mode', 'fast'],
      ['agent', 'x', '--nope'],
      ['agent', 'x', '--run', 'r'],
    ]) {
      expect((await place.run(args)).code).toBe(2)
    }
  })

  it('exits 4 at once when no gateway answers, and says how to get one', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`
    const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: url }
    for (const args of [
      ['agent', 'hi'],
      ['agent', 'hi', '-m', 'a/b'],
    ]) {
      const { code, stdout, stderr } = await place.run(args, { env })
      expect(code).toBe(4)
      expect(kinds(stdout)).toContain('agent_error')
      expect(stderr).toContain(`No gateway answers at ${url} (connection refused).`)
      expect(stderr).toContain('INFER_GATEWAY_MOCK=true infer agent "say hello"')
    }
  })

  it('runs tools and tells what became of them', async () => {
    await writeFile(join(place.cwd, 'a.txt'), 'alpha\n')
    const { stdout, code } = await place.run(['agent', 'read four files in parallel'])
    expect(code).toBe(0)
    expect(kinds(stdout)).toEqual([
      'info',
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
      'tool',
      'assistant',
      'session_stats',
    ])
    expect(stdout).toContain('Result of tool call: {\\"tool_name\\":\\"Read\\"')
    expect(stdout).toContain('Tool execution failed: there is no file b.txt')
  })

  it('goes on with a session', async () => {
    const first = await place.run(['agent', 'say hello'])
    const { session_id } = JSON.parse(first.stdout.split('\n')[0] ?? '')
    const { stdout } = await place.run(['agent', 'report your usage', '--session-id', session_id])
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({
      message: 'Resumed agent session',
      message_count: 2,
    })
    expect((await storedEntries(session_id)).map(({ message }) => message.role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ])
  })

  it('leaves an unreadable session as it is', async () => {
    await place.run(['agent', 'say hello', '--session-id', 'mine'])
    const file = join(place.cwd, '.infer/conversations/mine.jsonl')
    await writeFile(file, 'not json\n{"type":"entry"\nnot json either\n')
    const { code, stdout } = await place.run(['agent', 'say hello', '--session-id', 'mine'])
    expect(code).toBe(1)
    expect(kinds(stdout)).toEqual(['agent_error'])
    expect(await readFile(file, 'utf8')).toBe('not json\n{"type":"entry"\nnot json either\n')
  })

  it('stores nothing with --no-save', async () => {
    expect((await place.run(['agent', 'say hello', '--no-save'])).code).toBe(0)
    expect(await readdir(join(place.cwd, '.infer/conversations')).catch(() => [])).not.toContainEqual(
      expect.stringMatching(/\.jsonl$/),
    )
  })

  it('has everything that was said after a kill -9', async () => {
    const child = place.start(['agent', 'stream slowly', '--session-id', 'killed'])
    await child.line('the user message', ({ role }) => role === 'user')
    child.signal('SIGKILL')
    await child.end()
    expect(await storedEntries('killed')).toMatchObject([{ message: { role: 'user', content: 'stream slowly' } }])
    const again = await place.run(['agent', 'say hello', '--session-id', 'killed'])
    expect(again.code).toBe(0)
    expect(await storedEntries('killed')).toHaveLength(3)
  })

  it('exits 130 on SIGINT, having said so, and keeps what was said', async () => {
    const child = place.start(['agent', 'stream slowly', '--session-id', 'stopped'])
    await child.line('the user message', ({ role }) => role === 'user')
    child.signal('SIGINT')
    const { code, stdout } = await child.end()
    expect(code).toBe(130)
    expect(kinds(stdout).slice(-2)).toEqual(['agent_error', 'session_stats'])
    expect(stdout).toContain('"message":"Interrupted (SIGINT)."')
  })

  it('ends quietly when its reader goes away', async () => {
    const child = place.start(['agent', 'read four files in parallel'])
    child.closeOutput()
    expect(await child.end()).toMatchObject({ stderr: '' })
  })

  it('stores a plan in plan mode and ends with its URI', async () => {
    const { stdout, code } = await place.run(['agent', 'make a plan to build a shed', '--mode', 'plan'])
    expect(code).toBe(0)
    const uri = /infer:\/\/plans\/[\w-]+/.exec(stdout)?.[0] ?? ''
    const shown = await place.run(['plans', 'show', uri])
    expect(shown.stdout).toMatch(/^# build a shed\n\n## Goal/)
  })

  it('blocks Schedule in mode standard and runs it in mode auto', async () => {
    const env = { INFER_TOOLS_SCHEDULE_ENABLED: 'true' }
    const task = 'every 10 seconds, say hello'
    const blocked = await place.run(['agent', task], { env })
    expect(blocked.stdout).toMatch(/"content":"Blocked: Schedule .*--mode auto.*tools\.schedule\.require_approval/)
    expect(JSON.parse((await place.run(['schedules', 'list', '--json'])).stdout)).toEqual([])
    await place.run(['agent', task, '--mode', 'auto', '--session-id', 'channel-telegram-42'], { env })
    expect(JSON.parse((await place.run(['schedules', 'list', '--json'])).stdout)).toMatchObject([
      { cron_expression: '@every 10s', prompt: 'say hello', channel: 'telegram', recipient_id: '42' },
    ])
  })

  it('asks over the pipes with --require-approval', async () => {
    const env = { INFER_TOOLS_SCHEDULE_ENABLED: 'true' }
    const child = place.start(['agent', '--require-approval'], { env, openInput: true })
    child.send({ type: 'task', content: 'every 10 seconds, say hello' })
    const asked = await child.line('the question', ({ type }) => type === 'approval_request')
    expect(asked).toMatchObject({ tool_name: 'Schedule', description: expect.stringMatching(/^next: /m) })
    child.send({ type: 'approval_response', tool_call_id: asked.tool_call_id, approved: true })
    // Its input stays open: it must end all the same.
    expect((await child.end()).code).toBe(0)
    expect(JSON.parse((await place.run(['schedules', 'list', '--json'])).stdout)).toHaveLength(1)

    const task = JSON.stringify({ type: 'task', content: 'every 20 seconds, say hello' })
    const refused = await place.run(['agent', '--require-approval'], { env, input: `${task}\n` })
    expect(refused.stdout).toContain("Tool 'Schedule' was rejected by the user.")
    expect(JSON.parse((await place.run(['schedules', 'list', '--json'])).stdout)).toHaveLength(1)
  })
})

describe('infer chat', () => {
  it('answers a pipe with plain text', async () => {
    const { code, stdout } = await place.run(['chat'], { input: 'say hello' })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello! How can I help?\n' })
  })

  it('exits 2 when the pipe is empty', async () => {
    expect((await place.run(['chat'])).code).toBe(2)
  })
})
