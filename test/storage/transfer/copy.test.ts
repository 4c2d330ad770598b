import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import type { JsonlOptions, StorageType } from '#storage/options.ts'
import { type CopyOptions, type CopyReport, copyStores } from '#storage/transfer/copy.ts'
import { compareStores } from '#storage/transfer/verify.ts'
import { makeBackend, type TestBackend } from '../../support/backends.ts'
import { at, details, entries, entry, job, request } from '../conformance/samples.ts'
import { everythingOf, fillEveryDomain } from './sample-data.ts'

const quiet: CopyOptions = { dryRun: false, signal: new AbortController().signal, progress: () => {} }

/** Another zone than UTC on the files backend, as people have it. */
function withZone(zone: string): void {
  const before = process.env.TZ
  process.env.TZ = zone
  onTestFinished(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
}

async function open(type: StorageType): Promise<{ backend: TestBackend; stores: Stores }> {
  const backend = await makeBackend(type)
  onTestFinished(() => backend[Symbol.asyncDispose]())
  return { backend, stores: await backend.open() }
}

const equal = (report: CopyReport) => report.verified.every(({ from, to }) => from.sha256 === to.sha256)
const counts = (report: CopyReport, domain: string) => {
  const { domain: _, ...rest } = report.domains.find((one) => one.domain === domain) ?? {}
  return rest
}

test('jsonl to sqlite to postgres to redis and back gives equal data, by its own word and by ours', {
  timeout: 120_000,
}, async () => {
  withZone('America/New_York')
  const path: StorageType[] = ['jsonl', 'sqlite', 'postgres', 'redis', 'jsonl']
  const { stores: first } = await open('jsonl')
  await fillEveryDomain(first)
  const wanted = await everythingOf(first)
  let from = first
  for (const type of path.slice(1)) {
    const { stores: to } = await open(type)
    const report = await copyStores(from, to, quiet)
    expect(report.problems).toEqual([])
    expect(equal(report)).toBe(true)
    expect(report.domains.every(({ read, written }) => read > 0 && read === written)).toBe(true)
    expect(await everythingOf(to)).toEqual(wanted)
    expect((await compareStores(first, to)).equal).toBe(true)
    from = to
  }
})

describe.each(['memory', 'jsonl', 'sqlite', 'postgres', 'redis'] as const)('to %s', (type) => {
  test('a second copy writes nothing, and goes on where records are missing', async () => {
    const { stores: from } = await open('memory')
    const { stores: to } = await open(type === 'memory' ? 'sqlite' : type)
    await fillEveryDomain(from)
    await copyStores(from, to, quiet)
    const again = await copyStores(from, to, quiet)
    expect(again.problems).toEqual([])
    expect(again.domains.every(({ read, skipped, written }) => read === skipped && written === 0)).toBe(true)
    await to.conversations.delete('plain')
    await to.scheduledJobs.delete('paused')
    const third = await copyStores(from, to, quiet)
    expect(equal(third)).toBe(true)
    expect(counts(third, 'conversations')).toEqual({ read: 3, written: 1, skipped: 2, conflicts: 0 })
    expect(counts(third, 'scheduled_jobs')).toMatchObject({ written: 1, conflicts: 0 })
  })

  test('what only the target has is neither missing nor a conflict, also a history that went on there', async () => {
    const { stores: from } = await open(type === 'memory' ? 'jsonl' : 'memory')
    const { stores: to } = await open(type === 'memory' ? 'sqlite' : type)
    await fillEveryDomain(from)
    await copyStores(from, to, quiet)
    await to.conversations.append('more', { expectedLength: 0, entries: entries(1), metadata: details() })
    await to.shellHistory.append('more')
    const again = await copyStores(from, to, quiet)
    const { length } = await from.shellHistory.load(0)
    expect(counts(again, 'shell_history')).toEqual({ read: length, written: 0, skipped: length, conflicts: 0 })
    expect(again.problems).toEqual([])
    expect([equal(again), again.verified.map(({ missing }) => missing)]).toEqual([false, again.verified.map(() => 0)])
    await from.shellHistory.append('other')
    const { problems, verified } = await copyStores(from, to, quiet)
    expect(problems.map(({ domain }) => domain)).toEqual(['shell_history'])
    expect(verified.find(({ domain }) => domain === 'shell_history')?.missing).toBe(1)
  })

  test('a record that differs at the target is a conflict: reported, and left as it is', async () => {
    const { stores: from } = await open(type === 'memory' ? 'jsonl' : 'memory')
    const { stores: to } = await open(type)
    await fillEveryDomain(from)
    await to.conversations.append('plain', { expectedLength: 0, entries: [entry('another')], metadata: details() })
    await to.scheduledJobs.save(job('paused', { prompt: 'another' }))
    await to.sessionGroups.put('channel-telegram-42', { currentSessionId: 'x', history: [], updatedAt: at(0) })
    await to.plans.save({ title: 'Same title', body: 'another', createdAt: at(0) })
    await to.shellHistory.append('another')
    await to.coordination.acceptMessages('telegram', undefined, 3, [])
    const report = await copyStores(from, to, quiet)
    expect(equal(report)).toBe(false)
    expect(report.problems.map(({ domain, id }) => `${domain} ${id}`).sort()).toEqual([
      'conversations plain',
      'coordination inbox/telegram',
      'job_states paused',
      expect.stringMatching(/^plans .*-same-title$/),
      'scheduled_jobs paused',
      'session_groups channel-telegram-42',
      'shell_history 1',
    ])
    expect((await to.conversations.load('plain')).entries).toEqual([entry('another')])
    expect((await to.scheduledJobs.load('paused')).prompt).toBe('another')
    expect(await to.shellHistory.load(0)).toEqual(['another'])
    expect((await to.conversations.load('no-entries')).entries).toEqual([])
  })
})

describe.each([
  ['jsonl', 'postgres'],
  ['postgres', 'redis'],
  ['redis', 'sqlite'],
  ['sqlite', 'jsonl'],
] as const)('%s to %s', (source, target) => {
  test('a fire that was dealt with is not claimed again, and one that was missed still can be', async () => {
    const [{ stores: from }, { stores: to }] = [await open(source), await open(target)]
    const saved = await from.scheduledJobs.save(job('j', { timezone: 'UTC' }))
    const { cursor } = (await from.jobRuns.state('j')) ?? { cursor: at(0) }
    const fire = (n: number) => new Date(cursor.getTime() + n)
    const done = await from.jobRuns.claim(request(saved, fire(2)))
    if (!done.claimed) throw new Error(done.refusal)
    await from.jobRuns.finish(done.run.id, 1, { state: 'succeeded' })
    expect((await copyStores(from, to, quiet)).problems).toEqual([])
    const copied = await to.scheduledJobs.load('j')
    expect(await to.jobRuns.claim(request(copied, fire(1)))).toEqual({ claimed: false, refusal: 'past' })
    expect(await to.jobRuns.claim(request(copied, fire(2)))).toEqual({ claimed: false, refusal: 'past' })
    expect(await to.jobRuns.claim(request(copied, fire(3)))).toMatchObject({ claimed: true })
  })
})

test('fences go on at the target: what was taken on one there can be taken again', async () => {
  const [{ stores: from }, { stores: to }] = [await open('sqlite'), await open('jsonl')]
  for (const owner of ['d1', 'd2', 'd3']) {
    const lease = await from.coordination.acquireLease('channel:t', owner)
    if (owner !== 'd3') await from.coordination.releaseLease('channel:t', lease?.fence ?? 0)
  }
  await from.coordination.acceptMessages('t', undefined, 1, [{ id: 'm', sender: 's', body: null }])
  await from.coordination.takeMessage('t', 'm', 3)
  await copyStores(from, to, quiet)
  const lease = await to.coordination.acquireLease('channel:t', 'other')
  expect(lease?.fence).toBe(4)
  expect(await to.coordination.takeMessage('t', 'm', 4)).toMatchObject({ state: 'taken', fence: 4 })
})

test('a job without a zone keeps firing at the same moments: its zone is written down, its cursor stays', async () => {
  withZone('America/New_York')
  const [{ stores: from }, { stores: to }] = [await open('jsonl'), await open('sqlite')]
  await from.scheduledJobs.save(job('j', { cronExpression: '0 9 * * *' }))
  const before = await from.jobRuns.state('j')
  const report = await copyStores(from, to, quiet)
  expect([report.problems, equal(report)]).toEqual([[], true])
  expect((await to.scheduledJobs.load('j')).timezone).toBe('America/New_York')
  const states = await to.jobRuns.trackAll()
  expect(states.get('j')?.cursor).toEqual(before?.cursor)
})

test('a file that cannot be read is reported, and the rest is copied', async () => {
  const [{ backend, stores: from }, { stores: to }] = [await open('jsonl'), await open('sqlite')]
  await fillEveryDomain(from)
  const { schedulesDir, conversationsDir, plansDir } = backend.options() as JsonlOptions
  writeFileSync(join(schedulesDir, 'broken.yaml'), 'id: broken\nprompt: [\n')
  writeFileSync(
    join(schedulesDir, 'hand.yaml'),
    'prompt: by hand\ncron_expression: "0 7 * * *"\nlast_run: 2026-01-02T03:04:05Z\n',
  )
  writeFileSync(join(conversationsDir, 'broken.jsonl'), 'nothing\n')
  writeFileSync(join(plansDir, 'broken.md'), Buffer.from([0xff, 0xfe]))
  const report = await copyStores(from, to, quiet)
  expect(report.problems.map(({ domain, id }) => `${domain} ${id}`).sort()).toEqual([
    'conversations broken',
    'plans broken',
    'scheduled_jobs broken',
  ])
  expect(report.problems.find(({ domain }) => domain === 'scheduled_jobs')?.problem).toMatch(/line \d+, column \d+/)
  expect(equal(report)).toBe(true)
  expect(await to.scheduledJobs.load('hand')).toMatchObject({
    prompt: 'by hand',
    lastRun: new Date('2026-01-02T03:04:05Z'),
  })
  // Nobody has begun its schedule yet, so its first daemon does, at its now.
  const tracked = await to.jobRuns.track('hand')
  expect(tracked.cursor.getTime()).toBeGreaterThan(at(0).getTime())
})

test('a dry run counts and writes nothing', async () => {
  const [{ stores: from }, { stores: to }] = [await open('sqlite'), await open('jsonl')]
  await fillEveryDomain(from)
  const report = await copyStores(from, to, { ...quiet, dryRun: true })
  expect(report.domains.every(({ read, written }) => read > 0 && read === written)).toBe(true)
  expect(report.verified).toEqual([])
  expect((await to.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
  expect((await to.scheduledJobs.list()).jobs).toEqual([])
})

test('a stop ends it between two steps, and the next copy completes it', async () => {
  const [{ stores: from }, { stores: to }] = [await open('memory'), await open('sqlite')]
  for (let n = 0; n < 600; n++) {
    await from.conversations.append(`c${n}`, { expectedLength: 0, entries: entries(2), metadata: details() })
  }
  await fillEveryDomain(from)
  const stop = new AbortController()
  const progress: CopyOptions['progress'] = ({ done }) => {
    if (done > 300) stop.abort(new Error('stopped'))
  }
  await expect(copyStores(from, to, { dryRun: false, signal: stop.signal, progress })).rejects.toThrow('stopped')
  const { conversations } = await to.conversations.list({ limit: 0, offset: 0 })
  expect(conversations.length).toBeGreaterThan(0)
  expect(conversations.length).toBeLessThan(603)
  const report = await copyStores(from, to, quiet)
  expect([report.problems, equal(report)]).toEqual([[], true])
  expect(counts(report, 'conversations')).toMatchObject({ read: 603, skipped: conversations.length })
})

test('what changes at the source during a copy shows when both are compared', async () => {
  const [{ stores: from }, { stores: to }] = [await open('memory'), await open('sqlite')]
  await fillEveryDomain(from)
  let changed = false
  const progress: CopyOptions['progress'] = ({ domain }) => {
    if (domain !== 'plans' || changed) return
    changed = true
    void from.conversations.updateMetadata('plain', { title: 'changed meanwhile' })
  }
  const report = await copyStores(from, to, { ...quiet, progress })
  const { differences } = report.verified.find(({ domain }) => domain === 'conversations') ?? {}
  expect(differences).toEqual([{ id: 'plain', where: 'differs' }])
})
