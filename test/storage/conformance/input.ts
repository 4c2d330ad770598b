import { describe, expect } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { AGENT, dueJob, REAPER, runThrough } from './run-samples.ts'
import { at, details, entry, job, request } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

const HOSTILE_IDS = [
  '',
  '.',
  '..',
  '../x',
  'a/../b',
  'a..b',
  'a/b',
  'a\\b',
  '/etc/passwd',
  '-rf',
  '_a',
  '.hidden',
  'a b',
  'a:b',
  'a*',
  'a\n',
  'a\0',
  'ä',
  '%2e%2e',
  "a'; drop table x; --",
  'x'.repeat(129),
]

const LONGEST_ID = `A${'z'.repeat(124)}._-`

const TEXTS: [string, string][] = [
  ['emoji with joiners', '\u{1F469}\u{1F3FD}\u200D\u{1F680} \u{1F1E9}\u{1F1EA}'],
  ['combining marks, not normalised', 'e\u0301 \u00E9 \u1112\u1161\u11AB'],
  ['line ends', 'a\r\nb\rc\nd\n\n'],
  ['unicode line separators', 'a\u2028b\u2029c\u0085d'],
  ['controls', '\u0001\u0008\t\u000B\u000C\u001B[31m\u007F'],
  ['byte order mark and noncharacters', '\uFEFFx\uFFFE\uFFFF\u{10FFFF}'],
  ['quotes and escapes', `'"\`\\ \\u0041 \${x} %s $1 ? :name {{y}}`],
  ['what looks like another type', 'null'],
  ['a number with zeros', '0042'],
  ['a date', '2026-05-06'],
  ['yaml', '- a: *b # c\n--- !!binary\n...\n? x\n'],
  ['surrounding space', '  \n\tx\t\n  '],
  ['a megabyte', 'Zeile mit Ümlaut \u{1F600}\n'.repeat(40_000)],
]

/** Every argument that takes an id, each as a call. */
const ID_CALLS: Record<string, (stores: Stores, id: string) => Promise<unknown>> = {
  'conversations.append': ({ conversations }, id) =>
    conversations.append(id, { expectedLength: 0, entries: [], metadata: details() }),
  'conversations.replace': ({ conversations }, id) =>
    conversations.replace(id, { expectedLength: 0, entries: [], metadata: details() }),
  'conversations.load': ({ conversations }, id) => conversations.load(id),
  'conversations.updateMetadata': ({ conversations }, id) => conversations.updateMetadata(id, { title: 'x' }),
  'conversations.delete': ({ conversations }, id) => conversations.delete(id),
  'scheduledJobs.save': ({ scheduledJobs }, id) => scheduledJobs.save(job(id)),
  'scheduledJobs.load': ({ scheduledJobs }, id) => scheduledJobs.load(id),
  'scheduledJobs.delete': ({ scheduledJobs }, id) => scheduledJobs.delete(id),
  'jobRuns.state': ({ jobRuns }, id) => jobRuns.state(id),
  'jobRuns.track': ({ jobRuns }, id) => jobRuns.track(id),
  'jobRuns.claim': ({ jobRuns }, id) => jobRuns.claim(request({ id, revision: 'x' }, at(0))),
  'jobRuns.list': ({ jobRuns }, jobId) => jobRuns.list({ jobId, limit: 0 }),
  'jobRuns.prune': ({ jobRuns }, id) => jobRuns.prune(id, 1),
  'jobRuns.get': ({ jobRuns }, id) => jobRuns.get(id),
  'jobRuns.start': ({ jobRuns }, id) => jobRuns.start(id, 1, AGENT),
  'jobRuns.renew': ({ jobRuns }, id) => jobRuns.renew(id, 1),
  'jobRuns.finish': ({ jobRuns }, id) => jobRuns.finish(id, 1, { state: 'failed' }),
  'jobRuns.reap': ({ jobRuns }, id) => jobRuns.reap(id, { fence: 1, reason: 'x' }, REAPER),
  'jobRuns.claimDelivery': ({ jobRuns }, id) => jobRuns.claimDelivery(id, 1),
  'jobRuns.finishDelivery': ({ jobRuns }, id) => jobRuns.finishDelivery(id, 1, { state: 'failed', parts: 0 }),
  'plans.load': ({ plans }, id) => plans.load(id),
  'plans.delete': ({ plans }, id) => plans.delete(id),
}

/** Every argument that takes free text, each as a call. `due` and `run` exist. */
type TextCall = (stores: Stores, text: string, known: { revision: string; runId: string }) => Promise<unknown>
const APPROVAL = { id: 'a', channel: 'c', runId: 'r', toolCallId: 't', approver: 'x', body: null, expiresAt: at(0) }
const DAEMON = {
  id: 'd',
  host: 'h',
  pid: 1,
  version: 'v',
  tzdata: 't',
  timezone: 'z',
  since: at(0),
  scheduler: true,
  behind: false,
  clock: at(0),
}
const write = { expectedLength: 0, entries: [], metadata: details() }
const TEXT_CALLS: Record<string, TextCall> = {
  'an entry': ({ conversations }, text) => conversations.append('c', { ...write, entries: [entry(text)] }),
  'a key of an entry': ({ conversations }, text) =>
    conversations.append('c', { ...write, entries: [{ message: { [text]: 1 } }] }),
  'an entry of a replacement': ({ conversations }, text) =>
    conversations.replace('c', { ...write, entries: [{ message: {}, deep: [[{ x: text }]] }] }),
  'a title': ({ conversations }, text) => conversations.append('c', { ...write, metadata: details({ title: text }) }),
  'a tag': ({ conversations }, text) => conversations.append('c', { ...write, metadata: details({ tags: [text] }) }),
  'an unknown field': ({ conversations }, text) =>
    conversations.append('c', { ...write, metadata: details({ extra: { x: [text] } }) }),
  'a new title': ({ conversations }, text) => conversations.updateMetadata('kept', { title: text }),
  'a prompt': ({ scheduledJobs }, text) => scheduledJobs.save(job('new', { prompt: text })),
  'a name': ({ scheduledJobs }, text) => scheduledJobs.save(job('new', { name: text })),
  'a session': ({ sessionGroups }, text) =>
    sessionGroups.put('k', { currentSessionId: text, history: [], updatedAt: at(0) }),
  'a former session': ({ sessionGroups }, text) =>
    sessionGroups.put('k', { currentSessionId: 's', history: ['a', text], updatedAt: at(0) }),
  'a plan': ({ plans }, text) => plans.save({ title: 'x', body: text }),
  'a plan’s title': ({ plans }, text) => plans.save({ title: text, body: 'x' }),
  'a command': ({ shellHistory }, text) => shellHistory.append(text),
  'an owner': ({ jobRuns }, owner, { revision }) =>
    jobRuns.claim(request({ id: 'kept', revision }, at(0), { owner, trigger: 'manual' })),
  'a reason of a gap': ({ jobRuns }, reason, { revision }) => {
    const missed = { first: at(0), last: at(0), count: 1, reason }
    return jobRuns.claim(request({ id: 'kept', revision }, at(0), { missed, trigger: 'manual' }))
  },
  'a session of a start': ({ jobRuns }, sessionId, { runId }) => jobRuns.start(runId, 1, { ...AGENT, sessionId }),
  'an output': ({ jobRuns }, output, { runId }) => jobRuns.finish(runId, 1, { state: 'succeeded', output }),
  'a reason': ({ jobRuns }, reason, { runId }) => jobRuns.finish(runId, 1, { state: 'failed', reason }),
  'a session of an end': ({ jobRuns }, sessionId, { runId }) =>
    jobRuns.finish(runId, 1, { state: 'failed', sessionId }),
  'a reason to reap': ({ jobRuns }, reason, { runId }) => jobRuns.reap(runId, { fence: 1, reason }, REAPER),
  'a host that reaps': ({ jobRuns }, host, { runId }) =>
    jobRuns.reap(runId, { fence: 1, reason: 'x' }, { ...REAPER, host }),
  'a delivery error': ({ jobRuns }, error, { runId }) =>
    jobRuns.finishDelivery(runId, 1, { state: 'failed', parts: 0, error }),
  'a daemon': ({ coordination }, host) => coordination.beat({ ...DAEMON, host }),
  'a daemon id': ({ coordination }, id) => coordination.beat({ ...DAEMON, id }),
  'a lease': ({ coordination }, text) => coordination.acquireLease(text, 'd1'),
  'an owner of a lease': ({ coordination }, text) => coordination.acquireLease('l', text),
  'a channel': ({ coordination }, text) => coordination.acceptMessages(text, undefined, 1, []),
  'a message': ({ coordination }, text) =>
    coordination.acceptMessages('c', undefined, 1, [{ id: 'm', sender: 's', body: { text } }]),
  'a sender': ({ coordination }, sender) =>
    coordination.acceptMessages('c', undefined, 1, [{ id: 'm', sender, body: null }]),
  'an approval': ({ coordination }, text) => coordination.saveApproval({ ...APPROVAL, body: [text] }),
  'an approver': ({ coordination }, approver) => coordination.saveApproval({ ...APPROVAL, approver }),
}

export function inputTests(test: StorageTest): void {
  describe('ids', () => {
    test.for(Object.keys(ID_CALLS))('%s refuses an id that could leave its place', async (name, { stores }) => {
      for (const id of HOSTILE_IDS) {
        const call = ID_CALLS[name]
        await expectCode(Promise.resolve(call?.(stores, id)), 'E_INVALID')
      }
    })

    test('the longest and the oddest allowed ids work', async ({ stores, open }) => {
      const ids = [LONGEST_ID, '0', 'a.b-c_d', 'CON', 'constructor', 'a.yaml', 'a.jsonl', 'A', 'a']
      for (const id of ids) {
        await stores.conversations.append(id, { expectedLength: 0, entries: [entry(id)], metadata: details() })
        await stores.scheduledJobs.save(job(id, { prompt: id }))
      }
      const other = await open()
      for (const id of ids) {
        expect((await other.conversations.load(id)).entries).toEqual([entry(id)])
        expect((await other.scheduledJobs.load(id)).prompt).toBe(id)
      }
      const { conversations } = await other.conversations.list({ limit: 0, offset: 0 })
      expect(conversations.map(({ id }) => id).sort()).toEqual(ids.toSorted())
      expect((await other.scheduledJobs.list()).jobs.map(({ id }) => id).sort()).toEqual(ids.toSorted())
    })
  })

  describe('text', () => {
    test.for(TEXTS)('%s round-trips to the byte in every domain', async ([, text], { stores, open }) => {
      const oneLine = text.replaceAll(/[\r\n]/g, ' ').slice(0, 10_000)
      await stores.conversations.append('c', {
        expectedLength: 0,
        entries: [{ message: { role: 'user', content: text }, [oneLine]: text }],
        metadata: details({ title: text, tags: [text], extra: { x: text } }),
      })
      const due = await dueJob(stores, 'j', { prompt: text, name: text, description: text })
      const run = await runThrough(stores, due, 1, { state: 'failed', reason: text, output: text })
      const plan = await stores.plans.save({ title: oneLine, body: text })
      await stores.shellHistory.append(text)
      await stores.sessionGroups.put('k', { currentSessionId: text, history: [text], updatedAt: at(0) })
      await stores.coordination.acceptMessages('c', undefined, 1, [{ id: 'm', sender: text, body: { text } }])
      const other = await open()
      const { metadata, entries } = await other.conversations.load('c')
      expect(metadata).toMatchObject({ title: text, tags: [text], extra: { x: text } })
      expect(entries).toEqual([{ message: { role: 'user', content: text }, [oneLine]: text }])
      const stored = { prompt: text, name: text, description: text, lastError: text }
      expect(await other.scheduledJobs.load('j')).toMatchObject(stored)
      expect(await other.jobRuns.get(run.id)).toMatchObject({ reason: text, output: text, jobName: text })
      expect(await other.plans.load(plan.id)).toEqual(plan)
      expect(plan).toMatchObject({ title: oneLine, body: text })
      expect(await other.shellHistory.load(0)).toEqual([text])
      expect(await other.sessionGroups.get('k')).toMatchObject({ currentSessionId: text, history: [text] })
      expect((await other.coordination.inbox('c'))[0]).toMatchObject({ sender: text, body: { text } })
    })

    test.for(Object.keys(TEXT_CALLS))('NUL and half a surrogate pair are refused: %s', async (name, { stores }) => {
      await stores.conversations.append('kept', { ...write, entries: [entry('x')] })
      const due = await dueJob(stores, 'kept', { overlap: 'allow' })
      const { id } = await due.claim(1)
      for (const text of ['a\0b', 'a\ud83d', '\ude00b']) {
        const known = { revision: due.stored.revision, runId: id }
        await expectCode(Promise.resolve(TEXT_CALLS[name]?.(stores, text, known)), 'E_INVALID')
      }
      expect((await stores.jobRuns.list({ limit: 0 })).map(({ state }) => state)).toEqual(['claimed'])
      expect(await stores.shellHistory.load(0)).toEqual([])
      expect((await stores.plans.list()).plans).toEqual([])
    })

    test('a time that is none is refused', async ({ stores }) => {
      const never = new Date(Number.NaN)
      await expectCode(stores.scheduledJobs.save(job('j', { createdAt: never })), 'E_INVALID')
      await expectCode(stores.scheduledJobs.save(job('j', { updatedAt: never })), 'E_INVALID')
      await expectCode(stores.plans.save({ title: 'x', body: '', createdAt: never }), 'E_INVALID')
      const metadata = details({ updatedAt: never })
      await expectCode(stores.conversations.append('c', { ...write, metadata }), 'E_INVALID')
      const group = { currentSessionId: 's', history: [], updatedAt: never }
      await expectCode(stores.sessionGroups.put('k', group), 'E_INVALID')
      const saved = await stores.scheduledJobs.save(job('j'))
      await expectCode(stores.jobRuns.claim(request(saved, never)), 'E_INVALID')
    })
  })
}
