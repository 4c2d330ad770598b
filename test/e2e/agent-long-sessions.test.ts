import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startScriptedGateway } from '#gateway/scripted/server.ts'
import { newPlace, type Place } from './infer-process.ts'

const KEY = 'channel-telegram-42'

let place: Place
beforeEach(async () => {
  place = await newPlace()
})
afterEach(() => place[Symbol.asyncDispose]())

interface Shown {
  metadata: Record<string, unknown>
  entries: { message: { role: string; content: string; tool_call_id?: string } }[]
}
const show = async (id: string): Promise<Shown> =>
  JSON.parse((await place.run(['conversations', 'show', id, '--json'])).stdout)
const linesOf = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('a long session', () => {
  it('is compacted where the gateway tells a small context, and a later run sees the same', async () => {
    await writeFile(join(place.cwd, 'a.txt'), `${'a'.repeat(300)}\n`)
    const read = (prompt_tokens: number) => ({
      tool_calls: [{ name: 'Read', args: { file_path: 'a.txt' } }],
      usage: { prompt_tokens, completion_tokens: 1 },
    })
    await using gateway = await startScriptedGateway({
      contextWindow: 1000,
      scenarios: {
        scenarios: [{ name: 'reads', match: '^read', turns: [read(100), read(300), read(500), read(900)] }],
      },
    })
    const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: gateway.url, INFER_AGENT_MAX_TURNS: '5' }
    const { stdout, code } = await place.run(['agent', 'read it often', '--session-id', 'mine'], { env })
    expect(code).toBe(0)
    expect(linesOf(stdout)).toContainEqual(
      expect.objectContaining({ type: 'info', message: expect.stringMatching(/^Compacted the conversation: 4 older/) }),
    )
    const { entries } = await show('mine')
    expect(entries[3]?.message.content).toContain('In short:')
    await place.run(['agent', 'and now?', '--session-id', 'mine'], { env })
    const sent = gateway.requests.findLast(({ purpose }) => purpose === undefined)?.body.messages ?? []
    expect(sent.slice(1, -1)).toEqual(entries.map(({ message }) => message))
    expect(gateway.requests.filter(({ purpose }) => purpose === 'summary')).toHaveLength(1)
  })

  it('of a group goes on in a new conversation at /new and when it was idle, and its answers know the summary', async () => {
    await place.run(['agent', 'say hello', '--session-id', KEY])
    const old = (await show(KEY)).metadata.id
    const task = `${JSON.stringify({ type: 'task', content: '/new' })}\n`
    const rolled = await place.run(['agent', '--session-id', KEY, '--require-approval'], { input: task })
    expect(rolled.code).toBe(0)
    const { metadata, entries } = await show(KEY)
    expect(linesOf(rolled.stdout)[0]).toMatchObject({
      type: 'info',
      message: 'Rolled over to new session (summary preserved)',
      previous_session_id: old,
      new_session_id: metadata.id,
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]?.message.content).toContain('In short: say hello')

    const file = join(place.cwd, '.infer/conversations', `${metadata.id}.jsonl`)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replaceAll(/"updated_at":"[^"]*"/g, '"updated_at":"2026-01-01T00:00:00.000Z"'))
    const idle = await place.run(['agent', 'say hello', '--session-id', KEY])
    expect(linesOf(idle.stdout)[0]).toMatchObject({ previous_session_id: metadata.id })
    const group = JSON.parse(await readFile(join(place.cwd, '.infer/session_groups.json'), 'utf8')).groups[KEY]
    expect(group.history).toEqual([old, metadata.id])
    expect((await show(KEY)).entries).toHaveLength(3)
  })

  it('gets a title from the model in the background, in a scheduled run too', async () => {
    await place.run(['agent', 'think step by step', '--session-id', 'mine'])
    expect((await show('mine')).metadata.title).toBe('think step by step')
    const env = { INFER_TOOLS_SCHEDULE_ENABLED: 'true' }
    const made = ['schedules', 'create', '--cron', '@hourly', '--prompt', 'say hello', '--json']
    const { id } = JSON.parse((await place.run(made, { env })).stdout)
    const { session_id } = JSON.parse((await place.run(['schedules', 'run', id, '--json'], { env })).stdout)
    expect((await show(session_id)).metadata.title).toBe('say hello')
  })
})

describe('two agents on one session', () => {
  it('the second one says so, and what the first has said stays', async () => {
    await place.run(['agent', 'say hello', '--session-id', 'mine'])
    const slow = place.start(['agent', 'stream slowly', '--session-id', 'mine'])
    await slow.line('the user message', ({ role }) => role === 'user')
    const quick = await place.run(['agent', 'say hello', '--session-id', 'mine'])
    expect(quick.code).toBe(0)
    const { code, stdout } = await slow.end()
    expect(code).toBe(1)
    expect(linesOf(stdout)).toContainEqual(
      expect.objectContaining({
        type: 'agent_error',
        message: 'Another agent is using session mine; what it stored was not overwritten.',
        hint: expect.stringContaining('--session-id'),
      }),
    )
    expect((await show('mine')).entries.map(({ message }) => message.content)).toEqual([
      'say hello',
      'Hello! How can I help?',
      'stream slowly',
      'say hello',
      'Hello! How can I help?',
    ])
  })
})
