import { describe, expect, test } from 'vitest'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { metadataFromDocument, metadataToDocument } from '#storage/rules/conversation-document.ts'
import { DocumentError, parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument, groupToDocument } from '#storage/rules/group-document.ts'
import { jobDefinition, jobFromDocument, jobToDocument } from '#storage/rules/job-document.ts'
import { jobRevision, scheduleHash } from '#storage/rules/revision.ts'
import { runFromDocument, runToDocument, stateFromDocument, stateToDocument } from '#storage/rules/run-document.ts'
import { at, details, job } from '../conformance/samples.ts'

/** Through the text, as every backend takes it. */
function throughText(doc: JsonObject): JsonObject {
  return parseObject(JSON.stringify(doc))
}

describe('jobs', () => {
  const full = job('j', {
    name: 'n',
    description: 'd',
    timezone: 'Asia/Tokyo',
    channel: 'telegram',
    recipientId: '0042',
    model: 'm',
    runOnce: true,
    enabled: false,
    catchUp: 'none',
    overlap: 'allow',
    createdAt: at(0.001),
  })

  test('a definition survives, defaults are left out', () => {
    expect(jobFromDocument(throughText(jobToDocument(full)))).toEqual(full)
    expect(jobFromDocument(throughText(jobToDocument(job('j'))))).toEqual(job('j'))
    expect(Object.keys(jobToDocument(job('j')))).toEqual([
      'id',
      'cron_expression',
      'prompt',
      'created_at',
      'updated_at',
    ])
  })

  test('empty text and what is no definition are dropped', () => {
    const carried = { ...job('j'), name: '', model: '', lastRun: at(1), revision: 'x' }
    expect(jobDefinition(carried)).toEqual(job('j'))
    expect(jobRevision(carried)).toBe(jobRevision(job('j')))
  })

  test('every field is part of the revision, only those of the fires of the schedule hash', () => {
    const deciding = new Set(['cronExpression', 'timezone', 'enabled', 'createdAt'])
    for (const key of Object.keys(full) as (keyof typeof full)[]) {
      if (key === 'id') continue
      const changed = { ...job('j'), [key]: full[key] }
      if (key === 'cronExpression') changed.cronExpression = '@daily'
      if (key === 'prompt') changed.prompt = 'other'
      if (key === 'updatedAt') changed.updatedAt = at(9)
      expect(jobRevision(changed), key).not.toBe(jobRevision(job('j')))
      expect(scheduleHash(changed) !== scheduleHash(job('j')), key).toBe(deciding.has(key))
    }
  })

  test.each([
    [{ id: 'j', prompt: 'p' }, 'cron_expression should be text, it is missing'],
    [{ id: 'j', prompt: 5, cron_expression: 'x' }, 'prompt should be text, it is 5'],
    [{ id: 'j', prompt: 'p', cron_expression: 'x', enabled: 'yes' }, 'enabled should be true or false, it is "yes"'],
    [{ id: 'j', prompt: 'p', cron_expression: 'x', catch_up: 'all' }, 'catch_up should be latest or none, it is "all"'],
    [{ id: 'j', prompt: 'p', cron_expression: 'x', created_at: 'soon' }, 'created_at should be a time, it is "soon"'],
  ])('%j is refused', (doc, message) => {
    expect(() => jobFromDocument(doc)).toThrow(new DocumentError(message))
  })
})

describe('runs and states', () => {
  const run: JobRun = {
    id: 'r',
    jobId: 'j',
    jobName: 'n',
    scheduledFor: at(1),
    firstMissed: at(0),
    trigger: 'catch-up',
    state: 'failed',
    reason: 'why',
    count: 3,
    owner: 'o',
    host: 'h',
    fence: 2,
    token: 't',
    lease: 5,
    pid: 1,
    sessionId: 's',
    snapshot: job('j', { runOnce: true }),
    claimedAt: at(2),
    startedAt: at(3),
    finishedAt: at(4.567),
    output: '',
    delivery: { state: 'sending', attempts: 2, error: 'e', fence: 7, parts: 1 },
  }
  const plain: JobRun = {
    id: 'r2',
    jobId: 'j',
    scheduledFor: at(1),
    trigger: 'schedule',
    state: 'skipped',
    count: 1,
    fence: 0,
    lease: 0,
    delivery: { state: 'none', attempts: 0, parts: 0 },
  }

  test('a run survives with all fields and with few', () => {
    expect(runFromDocument(throughText(runToDocument(run)))).toEqual(run)
    expect(runFromDocument(throughText(runToDocument(plain)))).toEqual(plain)
  })

  test('a state survives with all fields and with few', () => {
    const state: JobState = { scheduleHash: 'h', cursor: at(1.001), runs: [run, plain], failures: 2 }
    const full: JobState = { ...state, onceClaimed: at(2), lastRun: at(3), lastError: 'e' }
    expect(stateFromDocument(throughText(stateToDocument(state)))).toEqual(state)
    expect(stateFromDocument(throughText(stateToDocument(full)))).toEqual(full)
  })

  test('an unknown state or trigger is refused', () => {
    expect(() => runFromDocument({ ...runToDocument(run), state: 'odd' })).toThrow(DocumentError)
    expect(() => runFromDocument({ ...runToDocument(run), trigger: 'odd' })).toThrow(DocumentError)
    expect(() => stateFromDocument({ schedule_hash: 'h', cursor: at(0).toISOString(), runs: [1] })).toThrow(
      DocumentError,
    )
  })
})

describe('conversations and groups', () => {
  test('metadata survives, unknown fields behind the known ones', () => {
    const metadata = details({ extra: { zulu: 1, alpha: [null] }, tags: ['x'], title: 't' })
    const doc = throughText(metadataToDocument('c', metadata, 3))
    expect(metadataFromDocument(doc)).toEqual({ ...metadata, id: 'c', messageCount: 3 })
    expect(Object.keys(doc).slice(-2)).toEqual(['zulu', 'alpha'])
  })

  test('an unknown field never stands in for a known one', () => {
    const doc = metadataToDocument('c', details({ extra: { id: 'x', title: 'x', message_count: 99 } }), 3)
    expect(metadataFromDocument(doc)).toMatchObject({ id: 'c', title: 'A title', messageCount: 3, extra: {} })
  })

  test('a short document of another release is read', () => {
    const doc = { id: 'c', created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00.123456789+01:00' }
    const metadata = metadataFromDocument(doc)
    expect(metadata).toMatchObject({ title: '', tags: [], titleGenerated: false, extra: {} })
    expect(metadata.updatedAt).toEqual(new Date('2025-12-31T23:00:00.123Z'))
  })

  test('a group survives', () => {
    const group = { currentSessionId: 's', history: ['a', 'b'], lastRollover: at(1), updatedAt: at(2) }
    expect(groupFromDocument(throughText(groupToDocument(group)))).toEqual(group)
    const { lastRollover: _, ...plain } = group
    expect(groupFromDocument(throughText(groupToDocument(plain)))).toEqual(plain)
    expect(() => groupFromDocument({ ...groupToDocument(group), history: [1] })).toThrow(DocumentError)
  })
})

test('only a JSON object is a document', () => {
  for (const text of ['', '{', '[]', 'null', '1', '"x"']) expect(() => parseObject(text)).toThrow(DocumentError)
})
