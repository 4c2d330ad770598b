import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { GITIGNORE } from '#infer-dir.ts'
import type { ImportRecord } from '#storage/contract/coordination.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { at, details, entries, job } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'
import { jsonlPlace, withFiles } from './jsonl-place.ts'

let place: ReturnType<typeof jsonlPlace>
beforeEach(() => {
  place = jsonlPlace()
})

async function use<T>(act: (stores: Stores) => Promise<T>): Promise<T> {
  return await withFiles(place, act)
}

/** Runs as an ordinary user where we are root, whom no permission stops. */
async function asOrdinaryUser(act: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    await act()
  } finally {
    if (root) process.seteuid?.(0)
  }
}

test('opening makes nothing, and neither does reading', async () => {
  await use(async (stores) => {
    await stores.health()
    await stores.plans.list()
    await stores.conversations.list({ limit: 5, offset: 0 })
    await stores.sessionGroups.list()
    await stores.shellHistory.load(0)
    await stores.scheduledJobs.list()
    await stores.jobRuns.list({ limit: 0 })
    await stores.coordination.daemons()
    expect(readdirSync(place.root)).toEqual([])
  })
})

test('the first write makes .infer with its .gitignore', async () => {
  await use(async ({ plans }) => plans.save({ title: 'A plan', body: 'x' }))
  expect(readFileSync(join(place.root, 'work/.infer/.gitignore'), 'utf8')).toBe(GITIGNORE)
})

test('permission denied is E_UNAVAILABLE and names the path', async () => {
  await use(async (stores) => {
    await stores.plans.save({ title: 'A plan', body: 'x', createdAt: at(0) })
    await stores.scheduledJobs.save(job('j'))
    for (const directory of [place.plansDir, place.schedulesDir, dirname(place.historyFile)])
      chmodSync(directory, 0o500)
    chmodSync(join(place.schedulesDir, 'j.yaml'), 0)
    await asOrdinaryUser(async () => {
      const denied = { code: 'E_UNAVAILABLE', message: expect.stringContaining(place.root) as string }
      await expect(stores.plans.save({ title: 'Other', body: 'x' })).rejects.toMatchObject(denied)
      await expect(stores.shellHistory.append('ls')).rejects.toMatchObject(denied)
      await expect(stores.scheduledJobs.load('j')).rejects.toMatchObject(denied)
      await expect(stores.health()).rejects.toMatchObject(denied)
    })
    for (const directory of [place.plansDir, place.schedulesDir, dirname(place.historyFile)])
      chmodSync(directory, 0o700)
    expect((await stores.plans.list()).plans).toHaveLength(1)
  })
})

test('plans that a person put there: without a title, with another name, with an ending that is not ours', async () => {
  mkdirSync(place.plansDir, { recursive: true })
  const put = (name: string, text: string | Buffer) => writeFileSync(join(place.plansDir, name), text)
  put('2026-05-06-070809-my-idea.md', 'no title here\n')
  put('notes.md', '# Notes\r\n\r\ntext\r\n')
  put('2026-05-06-070809-a-plan-1.md', '# A plan\n\n\n  body')
  put('tight.md', '# Tight\nbody')
  put('not an id.md', '# X\n')
  put('bytes.md', Buffer.from([0x23, 0x20, 0xff]))
  put('.hidden.md', '# X\n')
  put('other.txt', '# X\n')
  await use(async ({ plans }) => {
    const { plans: found, unreadable } = await plans.list()
    const short = Object.fromEntries(found.map(({ id, title, slug, body }) => [id, [title, slug, body]]))
    expect(short).toEqual({
      '2026-05-06-070809-my-idea': ['my-idea', 'my-idea', 'no title here\n'],
      '2026-05-06-070809-a-plan-1': ['A plan', 'a-plan', '\n  body'],
      notes: ['Notes', 'notes', 'text\r\n'],
      tight: ['Tight', 'tight', 'body'],
    })
    expect(unreadable.map(({ id, error }) => [id, error.code]).sort()).toEqual([
      ['bytes', 'E_CORRUPT'],
      ['not an id', 'E_CORRUPT'],
    ])
    await expectCode(plans.load('bytes'), 'E_CORRUPT')
  })
})

test('history: ordinary lines look as typed, and every command comes back', async () => {
  await use(async ({ shellHistory }) => {
    await shellHistory.append('ls "C:\\temp" \\d+')
    await shellHistory.append('a\nb')
    await shellHistory.append('echo "\\n"')
    expect(readFileSync(place.historyFile, 'utf8')).toBe('ls "C:\\temp" \\d+\na\\nb\necho "\\\\n"\n')
    const piece = fc.constantFrom('\\', 'n', '\n', '\\n', '\\\\', 'x', ' ', 'é', '\r')
    const commands = fc.sample(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      300,
    )
    for (const command of commands) await shellHistory.append(command)
    expect(await shellHistory.load(300)).toEqual(commands)
  })
})

test('history: a line that its writer did not finish stays a line of its own', async () => {
  await use(async ({ shellHistory }) => {
    await shellHistory.append('one')
    writeFileSync(place.historyFile, 'torn', { flag: 'a' })
    await shellHistory.append('two')
    expect(await shellHistory.load(0)).toEqual(['one', 'torn', 'two'])
  })
})

test('session groups: unknown fields stay, a broken file is left as it is', async () => {
  mkdirSync(dirname(place.sessionGroupsFile), { recursive: true })
  const group = { current_session_id: 's', history: ['r'], updated_at: at(0).toISOString(), colour: { a: 1 } }
  writeFileSync(place.sessionGroupsFile, JSON.stringify({ version: 7, groups: { k: group } }))
  await use(async ({ sessionGroups }) => {
    const next = { currentSessionId: 't', history: [], updatedAt: at(1) }
    await sessionGroups.put('k', next)
    await sessionGroups.put('10', next, { expected: 'absent' })
    await sessionGroups.put('__proto__', next)
    const document = JSON.parse(readFileSync(place.sessionGroupsFile, 'utf8')) as { version: number; groups: object }
    expect(document.version).toBe(7)
    expect(Object.entries(document.groups).find(([key]) => key === 'k')?.[1]).toMatchObject({ colour: { a: 1 } })
    expect([...(await sessionGroups.list()).keys()]).toEqual(['10', '__proto__', 'k'])
    writeFileSync(place.sessionGroupsFile, '{"groups": {')
    await expectCode(sessionGroups.get('k'), 'E_CORRUPT')
    await expectCode(sessionGroups.put('k', next), 'E_CORRUPT')
    expect(readFileSync(place.sessionGroupsFile, 'utf8')).toBe('{"groups": {')
  })
})

/** One record of every kind, and two equal lines of history. */
function everything(): ImportRecord[] {
  const metadata = { ...details(), id: 'c', messageCount: 2 }
  const plan = { id: '2026-05-06-070809-a-plan', title: 'A plan', slug: 'a-plan', createdAt: at(0), body: 'body' }
  return [
    { key: 'h1', kind: 'history', command: 'ls' },
    { key: 'h2', kind: 'history', command: 'ls' },
    { key: 'h3', kind: 'history', command: 'two\nlines' },
    { key: 'p', kind: 'plan', plan },
    { key: 'c', kind: 'conversation', conversation: { metadata, entries: entries(2) } },
    { key: 'g', kind: 'session_group', groupKey: 'g', group: { currentSessionId: 's', history: [], updatedAt: at(0) } },
    { key: 'j', kind: 'job', job: job('j'), lastRun: at(5), lastError: 'why' },
  ]
}

test.each([0, 1, 2, 3])('an import that was killed after step %i is completed by the next one', async (step) => {
  await use(async (stores) => {
    await stores.shellHistory.append('typed before')
    const before = readFileSync(place.historyFile, 'utf8')
    await stores.coordination.import('source', everything())
    const imports = join(place.runsDir, 'imports')
    const ledger = join(imports, readdirSync(imports).find((name) => name.endsWith('.jsonl')) ?? '')
    const [begin = '', done = ''] = readFileSync(ledger, 'utf8').split('\n')
    writeFileSync(ledger, step === 3 ? `${begin}\n${done.slice(0, 20)}` : `${begin}\n`)
    if (step === 0) writeFileSync(place.historyFile, before)
    if (step === 1) writeFileSync(place.historyFile, `${before}ls\nl`)
    if (step === 2) await stores.shellHistory.append('typed meanwhile')
    if (step === 0) await stores.plans.delete('2026-05-06-070809-a-plan')
    const outcomes = await stores.coordination.import('source', everything())
    expect(new Set(outcomes.values())).toEqual(new Set(['import']))
    expect(await stores.coordination.imported('source')).toEqual(outcomes)
    const history = await stores.shellHistory.load(0)
    expect(history.filter((line) => line === 'two\nlines')).toHaveLength(1)
    if (step !== 1) expect(history.filter((line) => line === 'ls')).toHaveLength(2)
    expect((await stores.plans.list()).plans).toHaveLength(1)
    expect((await stores.conversations.load('c')).entries).toEqual(entries(2))
    expect(await stores.scheduledJobs.load('j')).toMatchObject({ lastRun: at(5), lastError: 'why' })
    const again = await stores.coordination.import('source', everything())
    expect(new Set(again.values())).toEqual(new Set(['already']))
    expect(await stores.shellHistory.load(0)).toEqual(history)
  })
})
