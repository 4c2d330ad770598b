import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '#storage/contract/json.ts'
import { metadataToDocument } from '#storage/rules/conversation-document.ts'
import { groupToDocument } from '#storage/rules/group-document.ts'
import { jobToDocument } from '#storage/rules/job-document.ts'
import { jobRevision } from '#storage/rules/revision.ts'
import { details, entry } from './conformance/samples.ts'
import { goPlace, withFiles } from './jsonl-place.ts'

interface Expected {
  jobs: (JsonObject & { id: string })[]
  jobs_jsonl: (JsonObject & { id: string })[]
  plans: { id: string; file: string }[]
  plans_jsonl: { id: string; title: string; body: string; created_at: string }[]
  history: string[]
  history_jsonl: string[]
  conversations_jsonl: { metadata: JsonObject & { id: string }; entries: JsonObject[] }[]
  groups_jsonl: Record<string, JsonObject>
}

function expected(release: 'seed' | 'later'): Expected {
  const path = new URL(`../fixtures/go-cli/${release}/expected.json`, import.meta.url)
  return JSON.parse(readFileSync(path, 'utf8')) as Expected
}

/** Times without what is below a millisecond, as we keep them; false and empty values as they are left out. */
function toMilliseconds(document: JsonObject): JsonObject {
  const text = JSON.stringify(document).replaceAll(/(T\d\d:\d\d:\d\d\.\d{3})\d{6}Z/g, '$1Z')
  return JSON.parse(text) as JsonObject
}

describe.each(['seed', 'later'] as const)('what the Go CLI wrote (%s)', (release) => {
  const go = expected(release)

  test('conversations', async () => {
    await withFiles(goPlace(release), async ({ conversations }) => {
      for (const { metadata, entries } of go.conversations_jsonl) {
        const loaded = await conversations.load(metadata.id)
        expect(loaded.damage).toEqual([])
        expect(loaded.entries).toEqual(entries)
        const document = metadataToDocument(metadata.id, loaded.metadata, loaded.metadata.messageCount)
        expect(document).toEqual({ title_generated: false, ...toMilliseconds(metadata) })
      }
      const { conversations: listed, unreadable } = await conversations.list({ limit: 0, offset: 0 })
      const newest = go.conversations_jsonl
        .toSorted((a, b) => (String(a.metadata.updated_at) < String(b.metadata.updated_at) ? 1 : -1))
        .map(({ metadata }) => metadata.id)
      expect(listed.map(({ id }) => id)).toEqual(newest)
      expect(unreadable).toEqual([])
    })
  })

  test('session groups, and a change of one leaves every other byte', async () => {
    const place = goPlace(release)
    await withFiles(place, async ({ sessionGroups }) => {
      const groups = await sessionGroups.list()
      const documents = [...groups].map(([key, group]) => [key, groupToDocument(group)])
      expect(Object.fromEntries(documents)).toEqual(toMilliseconds(go.groups_jsonl))
      const before = readFileSync(place.sessionGroupsFile, 'utf8')
      const [key = '', group] = [...groups][1] ?? []
      if (!group) throw new Error('no group')
      await sessionGroups.put(key, { ...group, currentSessionId: 'another' }, { expected: group.revision })
      const lines = readFileSync(place.sessionGroupsFile, 'utf8').split('\n')
      const changed = before.split('\n').flatMap((line, n) => (line === lines[n] ? [] : [lines[n]?.trim()]))
      expect(changed).toEqual([
        '"current_session_id": "another",',
        '"last_rollover": "2026-03-01T09:00:00.123Z",',
        '"updated_at": "2026-03-01T09:00:00.123Z"',
      ])
    })
  })

  test('jobs', async () => {
    const place = goPlace(release)
    const schedulesDir = release === 'seed' ? place.schedulesDir : join(place.root, 'work/.infer/schedules')
    await withFiles({ ...place, schedulesDir }, async ({ scheduledJobs }) => {
      const { jobs, unreadable } = await scheduledJobs.list()
      expect(unreadable).toEqual([])
      const wanted = (release === 'seed' ? go.jobs : go.jobs_jsonl).map(toMilliseconds)
      const found = jobs.map((job) => ({
        ...jobToDocument(job),
        ...(job.lastRun && { last_run: job.lastRun.toISOString() }),
        ...(job.lastError !== undefined && { last_error: job.lastError }),
      }))
      expect(found).toEqual(wanted)
    })
  })

  test('a save of a job changes the lines of what changed', async () => {
    const place = goPlace('seed')
    await withFiles(place, async ({ scheduledJobs }) => {
      for (const stored of (await scheduledJobs.list()).jobs) {
        const path = join(place.schedulesDir, `${stored.id}.yaml`)
        const before = readFileSync(path, 'utf8')
        await scheduledJobs.save(stored, { expected: stored.revision })
        expect(readFileSync(path, 'utf8')).toBe(before)
        const saved = await scheduledJobs.save({ ...stored, channel: 'other' })
        expect(readFileSync(path, 'utf8')).toBe(before.replace('channel: telegram', 'channel: other'))
        expect(saved).toMatchObject({ channel: 'other', revision: jobRevision({ ...stored, channel: 'other' }) })
        expect(saved.lastRun).toEqual(stored.lastRun)
        expect(await scheduledJobs.load(stored.id)).toEqual(saved)
      }
    })
  })

  test('history', async () => {
    await withFiles(goPlace(release), async ({ shellHistory }) => {
      const wanted = release === 'seed' ? go.history : go.history_jsonl
      expect(await shellHistory.load(0)).toEqual(wanted)
      expect(shellHistory.location).toMatch(release === 'seed' ? /\.infer\/history$/ : /\.infer\/history\/history$/)
      await shellHistory.append('more\n"C:\\new" \\')
      expect(await shellHistory.load(2)).toEqual([wanted.at(-1), 'more\n"C:\\new" \\'])
    })
  })
})

test('plans of the older release read as they are written', async () => {
  const place = goPlace('seed')
  await withFiles(place, async ({ plans }) => {
    const { plans: found, unreadable } = await plans.list()
    expect(unreadable).toEqual([])
    const wanted = expected('seed').plans
    expect(found.map(({ id }) => id).sort()).toEqual(wanted.map(({ id }) => id).sort())
    for (const { id, file } of wanted) {
      const { title, body, createdAt } = await plans.load(id)
      expect(`# ${title}\n\n${body}`).toBe(file)
      expect(id.startsWith(createdAt.toISOString().slice(0, 10))).toBe(true)
    }
  })
})

test('plans of the newer release', async () => {
  const place = goPlace('later')
  await withFiles({ ...place, plansDir: join(place.root, 'home/.infer/plans') }, async ({ plans }) => {
    const found = (await plans.list()).plans.map(({ id, title, body, createdAt }) => {
      return { id, title, body, created_at: createdAt.toISOString().replace('.000Z', 'Z') }
    })
    expect(found).toEqual(expected('later').plans_jsonl)
  })
})

test('what we append to its conversation is in its own format', async () => {
  const place = goPlace('seed')
  const [first] = expected('seed').conversations_jsonl
  if (!first) throw new Error('no conversation')
  const { id } = first.metadata
  await withFiles(place, async ({ conversations }) => {
    const { entries } = await conversations.load(id)
    await conversations.append(id, { expectedLength: entries.length, entries: [entry('ours')], metadata: details() })
    const path = join(place.conversationsDir, `${id}.jsonl`)
    const [added, meta] = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-2)
      .map((line) => JSON.parse(line))
    expect(added).toEqual({ type: 'entry', index: entries.length, entry: entry('ours') })
    expect(meta).toMatchObject({ type: 'meta', metadata: { id, message_count: entries.length + 1 } })
    expect((await conversations.load(id)).entries).toEqual([...entries, entry('ours')])
  })
})
