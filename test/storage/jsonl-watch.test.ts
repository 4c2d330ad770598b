import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { ScheduledJobChange } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { JobDefinitions } from '#storage/jsonl/job-definitions.ts'
import { FileJobRecords } from '#storage/jsonl/job-records.ts'
import { jobStates } from '#storage/jsonl/job-states.ts'
import { JobWatch } from '#storage/jsonl/job-watch.ts'
import { Locks } from '#storage/jsonl/locks.ts'
import { RunHistory } from '#storage/jsonl/run-history.ts'
import type { WatchTuning } from '#storage/options.ts'
import { job } from './conformance/samples.ts'
import { Watched } from './conformance/watched.ts'
import { jsonlPlace, makeSchedules, withFiles } from './jsonl-place.ts'

/** Only the hints, only the poll. */
const HINTS: WatchTuning = { pollMs: 600_000, fullListMs: 600_000 }
const POLL: WatchTuning = { hints: false, pollMs: 10, fullListMs: 600_000 }

let place: ReturnType<typeof jsonlPlace>
beforeEach(() => {
  place = jsonlPlace()
})

const fileOf = (id: string, directory = place.schedulesDir) => join(directory, `${id}.yaml`)
const put = (id: string, prompt: string, directory = makeSchedules(place)) =>
  writeFileSync(fileOf(id, directory), `cron_expression: 0 9 * * *\nprompt: ${prompt}\n`)

async function watching(watch: WatchTuning, act: (watched: Watched, stores: Stores) => Promise<void>): Promise<void> {
  await withFiles({ ...place, watch }, async (stores) => {
    await using watched = await Watched.synced(stores)
    await act(watched, stores)
  })
}

function told(watched: Watched, type: ScheduledJobChange['type'], id?: string): number {
  return watched.changes.filter((one) => one.type === type && (id === undefined || ('id' in one && one.id === id)))
    .length
}

test.each([
  ['hints', HINTS],
  ['the poll', POLL],
])('hand edits in place, new files, replaced files and deletions are seen by %s alone', async (_, tuning) => {
  put('a', 'first')
  await watching(tuning, async (watched) => {
    await watched.untilPrompt('a', 'first')
    put('a', 'in place')
    await watched.untilPrompt('a', 'in place')
    put('b', 'new')
    await watched.untilPrompt('b', 'new')
    put('.b.yaml.swp', 'an editor’s')
    put('other', 'replaced', place.root)
    renameSync(fileOf('other', place.root), fileOf('b'))
    await watched.untilPrompt('b', 'replaced')
    unlinkSync(fileOf('a'))
    await watched.untilPrompt('a', undefined)
    writeFileSync(fileOf('b'), 'prompt: [')
    await watched.until('b is unreadable', () => told(watched, 'unreadable', 'b') === 1)
    expect(watched.jobs.get('b')?.prompt).toBe('replaced')
    put('b', 'mended')
    await watched.untilPrompt('b', 'mended')
  })
})

test('an edit that keeps size and time of the file is seen', async () => {
  put('a', 'one')
  const time = new Date(1_700_000_000_000)
  utimesSync(fileOf('a'), time, time)
  await watching(POLL, async (watched) => {
    put('a', 'two')
    utimesSync(fileOf('a'), time, time)
    await watched.untilPrompt('a', 'two')
  })
})

test('a file that is away for a moment, as some editors save, is not deleted', async () => {
  put('a', 'first')
  await watching(HINTS, async (watched) => {
    for (let n = 0; n < 5; n++) {
      renameSync(fileOf('a'), `${fileOf('a')}~`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      put('a', `save ${n}`)
      await watched.untilPrompt('a', `save ${n}`)
    }
    expect(told(watched, 'deleted')).toBe(0)
  })
})

test('the directory is made, and a job saved in it is seen', async () => {
  await watching(HINTS, async (watched, { scheduledJobs }) => {
    await scheduledJobs.save(job('a', { prompt: 'saved' }))
    await watched.untilPrompt('a', 'saved')
  })
})

test('a run, and the outcome that it leaves in the file, is no change', async () => {
  await watching(HINTS, async (watched, { scheduledJobs, jobRuns }) => {
    const saved = await scheduledJobs.save(job('a'))
    await watched.untilPrompt('a', saved.prompt)
    const manual = {
      jobId: 'a',
      revision: saved.revision,
      owner: 'o',
      host: 'h',
      token: 't',
      trigger: 'manual' as const,
    }
    const claimed = await jobRuns.claim({ ...manual, scheduledFor: new Date() })
    if (!claimed.claimed) throw new Error(claimed.refusal)
    await jobRuns.start(claimed.run.id, 1, { pid: 1, host: 'h' })
    await jobRuns.finish(claimed.run.id, 1, { state: 'failed', reason: 'why' })
    expect((await scheduledJobs.load('a')).lastError).toBe('why')
    await scheduledJobs.save(job('b', { prompt: 'the end' }))
    await watched.untilPrompt('b', 'the end')
    expect(watched.changes.filter((one) => one.type === 'saved').map(({ job: { id } }) => id)).toEqual(['a', 'b'])
  })
})

test.each([
  ['hints', { ...HINTS, pollMs: 500 }],
  ['the poll', POLL],
])('a directory that is replaced is watched on (%s)', async (_, tuning) => {
  put('a', 'old')
  put('b', 'stays')
  await watching(tuning, async (watched) => {
    const next = join(place.root, 'next')
    mkdirSync(next)
    put('b', 'stays', next)
    put('c', 'new', next)
    renameSync(place.schedulesDir, join(place.root, 'gone'))
    renameSync(next, place.schedulesDir)
    await watched.untilPrompt('c', 'new')
    await watched.untilPrompt('a', undefined)
    put('c', 'newer')
    await watched.untilPrompt('c', 'newer')
    expect(told(watched, 'deleted', 'b')).toBe(0)
  })
})

test('a symbolic link that points elsewhere counts as another directory', async () => {
  const [one, two] = [join(place.root, 'one'), join(place.root, 'two')]
  for (const directory of [one, two]) mkdirSync(directory)
  put('a', 'in one', one)
  put('b', 'in two', two)
  place = { ...place, schedulesDir: join(place.root, 'link') }
  symlinkSync(one, place.schedulesDir)
  await watching({ ...HINTS, pollMs: 50 }, async (watched) => {
    await watched.untilPrompt('a', 'in one')
    symlinkSync(two, `${place.schedulesDir}.next`)
    renameSync(`${place.schedulesDir}.next`, place.schedulesDir)
    await watched.untilPrompt('b', 'in two')
    await watched.untilPrompt('a', undefined)
    put('b', 'changed', two)
    await watched.untilPrompt('b', 'changed')
  })
})

test('a directory that vanishes is an error until it is back; its jobs stay', async () => {
  put('a', 'first')
  await watching(POLL, async (watched) => {
    renameSync(place.schedulesDir, join(place.root, 'away'))
    await watched.until('unavailable', () => told(watched, 'unavailable') > 0)
    const [error] = watched.changes.flatMap((one) => (one.type === 'unavailable' ? [one.error] : []))
    expect(error).toMatchObject({ code: 'E_UNAVAILABLE' })
    appendFileSync(fileOf('a', join(place.root, 'away')), 'model: m\n')
    renameSync(join(place.root, 'away'), place.schedulesDir)
    await watched.until('a has a model', () => watched.jobs.get('a')?.model === 'm')
    await watched.until('synced again', () => watched.changes.at(-1)?.type === 'synced')
    expect(told(watched, 'deleted')).toBe(0)
  })
})

test('a directory that stays away is made anew, and then its jobs are gone', async () => {
  put('a', 'first')
  await using locks = new Locks(1_000)
  const definitions = new JobDefinitions(place.schedulesDir, () => {})
  const states = jobStates(join(place.runsDir, 'states'))
  const parts = { definitions, states, history: new RunHistory(place.runsDir), locks, lockDirectory: place.runsDir }
  const watch = new JobWatch(definitions, new FileJobRecords(parts), 100)
  expect([...(await watch.index()).keys()]).toEqual(['a'])
  rmSync(place.schedulesDir, { recursive: true })
  expect(await watch.changed()).toBe(true)
  await expect(watch.index()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
  await expect.poll(() => watch.index().catch(() => undefined)).toEqual(new Map())
})

test('with 300 files an in-place edit of any one is seen within 15 polls', async () => {
  for (let n = 0; n < 300; n++) put(`j${n}`, 'first')
  const old = new Date(Date.now() - 60_000)
  utimesSync(makeSchedules(place), old, old)
  await using locks = new Locks(1_000)
  const definitions = new JobDefinitions(place.schedulesDir, () => {})
  const states = jobStates(join(place.runsDir, 'states'))
  const parts = { definitions, states, history: new RunHistory(place.runsDir), locks, lockDirectory: place.runsDir }
  const watch = new JobWatch(definitions, new FileJobRecords(parts))
  await expect.poll(async () => (await watch.index()) && (await watch.changed())).toBe(false)
  for (const id of ['j0', 'j150', 'j299']) {
    const before = (await watch.index()).get(id)
    put(id, 'other')
    let polls = 0
    for (let seen = false; !seen; polls++) seen = await watch.changed()
    expect(polls).toBeLessThanOrEqual(16)
    expect((await watch.index()).get(id)).not.toBe(before)
    await expect.poll(async () => (await watch.index()) && (await watch.changed())).toBe(false)
  }
})
