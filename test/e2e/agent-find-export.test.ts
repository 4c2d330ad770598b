import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cliEnvironment, INFER } from '../support/cli.ts'
import { newPlace, type Place } from './infer-process.ts'

let place: Place
beforeEach(async () => {
  place = await newPlace({ INFER_CONVERSATION_TITLE_GENERATION_ENABLED: 'false' })
})
afterEach(() => place[Symbol.asyncDispose]())

const talk = async (id: string, ...tasks: string[]) => {
  for (const task of tasks) await place.run(['agent', task, '--session-id', id])
}

describe.each(['jsonl', 'sqlite'])('infer conversations search on %s', (type) => {
  const env = { INFER_STORAGE_TYPE: type }
  const found = async (...args: string[]) =>
    JSON.parse((await place.run(['conversations', 'search', ...args, '--json'], { env })).stdout)

  it('finds words in titles and messages whatever their case, newest first, with what is around them', async () => {
    for (const [id, task] of [
      ['one', 'say hello to the (old) world'],
      ['two', 'nothing of the kind'],
      ['three', `think step by step ${'and on '.repeat(30)} to the (OLD)\nWorld and back`],
    ] as const) {
      await place.run(['agent', task, '--session-id', id], { env })
    }
    expect(await found('(old) world')).toMatchObject([
      {
        id: 'three',
        role: 'user',
        snippet: expect.stringMatching(/^….*on to the \(OLD\) World and back$/),
        matches: 1,
      },
      { id: 'one', title: 'say hello to the (old) world', role: 'user', snippet: 'say hello to the (old) world' },
    ])
    expect(await found('(old) world', '--limit', '1')).toHaveLength(1)
    expect(await found('it is 42')).toMatchObject([{ id: 'three', role: 'assistant', snippet: 'It is 42.' }])
    expect(await found('not.to.be.found')).toEqual([])
    const { stdout } = await place.run(['conversations', 'search', '42'], { env })
    expect(stdout).toMatch(/^ID +TITLE +IN +TEXT\nthree +think step .* assistant +It is 42\.\n$/)
  })
})

describe('infer conversations search', () => {
  it('says which conversation it could not read, and searches the others', async () => {
    await talk('fine', 'say hello')
    await talk('broken', 'say hello')
    await writeFile(join(place.cwd, '.infer/conversations/broken.jsonl'), 'not json\nnot json either\n')
    const { code, stdout, stderr } = await place.run(['conversations', 'search', 'HELLO', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject([{ id: 'fine' }])
    expect(stderr).toMatch(/warning: Conversation broken is not searched/)
  })

  it('finds a title that a model has made', async () => {
    const env = { INFER_CONVERSATION_TITLE_GENERATION_ENABLED: 'true' }
    await place.run(['agent', 'say hello', '--session-id', 'one'], { env })
    const { stdout } = await place.run(['conversations', 'list', '--json'])
    expect(JSON.parse(stdout)).toMatchObject([{ id: 'one', title: 'say hello' }])
  })

  it('exits 2 without words', async () => {
    expect((await place.run(['conversations', 'search', ' '])).code).toBe(2)
    expect((await place.run(['conversations', 'search'])).code).toBe(2)
  })
})

describe('infer export', () => {
  it('writes markdown into export.output_dir, prints the path, and never replaces a file', async () => {
    await writeFile(join(place.cwd, 'a.txt'), 'some ``` text\n')
    await talk('mine', 'read four files in parallel')
    const first = await place.run(['export', 'mine'])
    expect(first.stdout).toBe(`${join(place.cwd, '.infer/tmp/conversation-mine.md')}\n`)
    const second = await place.run(['export', 'mi'])
    expect(second.stdout).toBe(`${join(place.cwd, '.infer/tmp/conversation-mine-2.md')}\n`)
    const text = await readFile(first.stdout.trim(), 'utf8')
    expect(text).toMatch(/^# read four files in parallel\n\n- Session: `mine`\n/)
    expect(text).toContain('## User (')
    expect(text).toContain('Calls `Read` (call_0_0):\n\n```json\n{"file_path":"a.txt"}\n```')
    expect(text).toMatch(/\n````\nResult of tool call: .*some ``` text/)
    expect(text).toMatch(/## Assistant \(.*\)\n\nI have read all four files\.\n$/)
    expect(await readdir(join(place.cwd, '.infer'))).toContain('.gitignore')
  })

  it('writes JSON as conversations show prints it, to stdout or a file that does not exist', async () => {
    await talk('channel-telegram-7', 'say hello')
    const shown = await place.run(['conversations', 'show', 'channel-telegram-7', '--json'])
    const { stdout } = await place.run(['export', 'channel-telegram-7', '--format', 'json', '-o', '-'])
    expect(JSON.parse(stdout)).toEqual(JSON.parse(shown.stdout))
    const args = ['export', 'channel-telegram-7', '--format', 'json', '-o', 'out.json']
    expect(await place.run(args)).toMatchObject({ code: 0, stdout: `${join(place.cwd, 'out.json')}\n` })
    await writeFile(join(place.cwd, 'out.json'), 'mine')
    const again = await place.run(args)
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/The file .*out\.json exists and was kept\.\n {2}Give another name/)
    expect(await readFile(join(place.cwd, 'out.json'), 'utf8')).toBe('mine')
    expect((await place.run([...args, '--overwrite'])).code).toBe(0)
    expect(JSON.parse(await readFile(join(place.cwd, 'out.json'), 'utf8'))).toEqual(JSON.parse(shown.stdout))
  })

  it('exits 3 for a session that is not there, and 1 where it cannot write', async () => {
    expect((await place.run(['export', 'nope'])).code).toBe(3)
    await talk('mine', 'say hello')
    const { code, stderr } = await place.run(['export', 'mine', '-o', 'no/such/file.md'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/file\.md cannot be written \(ENOENT\)/)
  })

  it('leaves no part of a file that could not be written to the end', async () => {
    const long = `say hello ${'x'.repeat(100_000)}`
    await place.run(['agent', '-', '--session-id', 'long'], { input: long })
    const command = [process.execPath, INFER, 'export', 'long', '-o', 'out.md'].map((word) => `'${word}'`).join(' ')
    const { status, stderr } = spawnSync('bash', ['-c', `ulimit -f 16; exec ${command}`], {
      cwd: place.cwd,
      env: cliEnvironment(place.home),
      encoding: 'utf8',
    })
    expect(stderr).toMatch(/out\.md cannot be written \(EFBIG\)/)
    expect(status).toBe(1)
    expect(existsSync(join(place.cwd, 'out.md'))).toBe(false)
  })
})
