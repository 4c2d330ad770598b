import type { Conversation } from '#storage/contract/conversations.ts'
import type { JobRun, RunDelivery, RunState } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { dueJob, runThrough } from '../conformance/run-samples.ts'
import { at, details, entry, job } from '../conformance/samples.ts'

const STATES: RunState[] = ['claimed', 'running', 'succeeded', 'failed', 'lost', 'interrupted', 'skipped', 'missed']
const DELIVERIES: RunDelivery['state'][] = ['none', 'pending', 'sending', 'delivered', 'failed']
/** Texts that a careless encoding would change. */
export const TRICKY = 'naïve \u{1f600} e\u0301 \u2028 \u202e "quoted" \\n \\ \t \u0007 \ufeff null, {}; -- 中文'

/** Fills every domain with what is hard to copy. */
export async function fillEveryDomain(stores: Stores): Promise<void> {
  await fillConversations(stores)
  await fillJobs(stores)
  await fillRest(stores)
}

async function fillConversations({ conversations }: Stores): Promise<void> {
  await conversations.append('plain', { expectedLength: 0, entries: [entry('hello')], metadata: details() })
  await conversations.append('plain', {
    expectedLength: 1,
    entries: [entry(TRICKY), entry('x'.repeat(5_000))],
    metadata: details({
      title: TRICKY,
      updatedAt: at(0.123),
      model: 'provider/model',
      tags: ['b', 'a', 'b'],
      titleGenerated: true,
      tokenStats: {
        totalInputTokens: 1,
        totalOutputTokens: 2,
        totalTokens: 3,
        requestCount: 4,
        lastInputTokens: 5,
      },
      costStats: {
        totalCost: 0.1 + 0.2,
        totalInputCost: 1e-7,
        totalOutputCost: 0,
        perModelStats: { 'provider/model': { cost: 1 }, 7: null },
        currency: 'EUR',
      },
      extra: { future_field: { nested: [1, 'two', null] }, z: TRICKY },
    }),
  })
  await conversations.append('no-entries', {
    expectedLength: 0,
    entries: [],
    metadata: details({ createdAt: at(-1e8) }),
  })
  const tool = {
    message: { role: 'assistant', content: '', tool_calls: [{ id: 'c', function: { name: 'Read', arguments: '{}' } }] },
    time: at(3).toISOString(),
    hidden: true,
    unknown: { b: 1, a: [TRICKY] },
  }
  await conversations.append('A.odd_id-1', {
    expectedLength: 0,
    entries: [tool],
    metadata: details({ updatedAt: at(9) }),
  })
}

async function fillJobs(stores: Stores): Promise<void> {
  const due = await dueJob(stores, 'with-runs', {
    name: TRICKY,
    description: 'x'.repeat(5_000),
    timezone: 'Europe/Paris',
  })
  await runThrough(stores, due, 1)
  await runThrough(stores, due, 2, { state: 'failed', reason: TRICKY, output: `${TRICKY}\n${'y'.repeat(5_000)}` })
  await dueJob(stores, 'open', { channel: 'telegram', recipientId: '42', timezone: 'UTC' }).then((one) => one.claim(1))
  await stores.scheduledJobs.save(
    job('paused', { enabled: false, catchUp: 'none', overlap: 'allow', model: 'm', timezone: 'Asia/Tokyo' }),
  )
  await stores.scheduledJobs.save(job('once', { runOnce: true, cronExpression: '@yearly', timezone: 'UTC' }))
  const consumed = await dueJob(stores, 'once-claimed', { runOnce: true, timezone: 'UTC' })
  await consumed.claim(1)
  await stores.scheduledJobs.save(job('no-zone', { cronExpression: 'CRON_TZ=Asia/Tokyo 0 9 * * 1-5' }))
  await stores.scheduledJobs.save(job('plain-local', { cronExpression: '0 9 * * *', prompt: `${TRICKY}\n\nlines\n` }))
  const every = job('every-state', { timezone: 'UTC' })
  const runs = STATES.map((state, n) => sampleRun(every.id, state, n))
  const open = runs.filter(
    ({ state, delivery }) => ['claimed', 'running'].includes(state) || delivery.state === 'sending',
  )
  await stores.jobRuns.restore(every.id, {
    state: {
      scheduleHash: scheduleHash(every),
      cursor: at(100.5),
      runs: open,
      lastRun: at(50),
      lastError: TRICKY,
      failures: 3,
    },
    runs: runs.filter((run) => !open.includes(run)),
  })
  await stores.scheduledJobs.restore(every)
  // A job that was deleted: its runs outlive it.
  await stores.jobRuns.restore('deleted', { runs: [sampleRun('deleted', 'succeeded', 3)] })
}

function sampleRun(jobId: string, state: RunState, n: number): JobRun {
  const delivery = DELIVERIES[n % DELIVERIES.length] as RunDelivery['state']
  return {
    id: `run-${jobId}-${state}`,
    jobId,
    jobName: TRICKY,
    scheduledFor: at(n),
    ...(state === 'missed' && { firstMissed: at(-60) }),
    trigger: (['schedule', 'catch-up', 'manual'] as const)[n % 3] ?? 'schedule',
    state,
    reason: TRICKY,
    count: n + 1,
    owner: 'daemon-1',
    host: 'host-1',
    fence: n + 1,
    token: `token-${n}`,
    lease: n,
    pid: 4_000 + n,
    sessionId: `session-${n}`,
    snapshot: job(jobId, { prompt: TRICKY, runOnce: true }),
    claimedAt: at(n + 0.001),
    startedAt: at(n + 0.002),
    finishedAt: at(n + 0.003),
    output: n % 2 === 0 ? '' : 'z'.repeat(5_000),
    delivery: { state: delivery, attempts: n, parts: n, ...(n % 2 === 0 && { error: TRICKY, fence: n }) },
  }
}

async function fillRest({ sessionGroups, plans, shellHistory, coordination }: Stores): Promise<void> {
  await sessionGroups.put('channel-telegram-42', {
    currentSessionId: 'plain',
    history: ['a', 'b', 'a'],
    lastRollover: at(1),
    updatedAt: at(2.345),
  })
  await sessionGroups.put(`${TRICKY} 7`, { currentSessionId: 's', history: [], updatedAt: at(3) })
  await plans.save({ title: 'Same title', body: 'one', createdAt: at(0) })
  await plans.save({ title: 'Same title', body: `\n\n${TRICKY}\n`, createdAt: at(0) })
  await plans.save({ title: '中文', body: '', createdAt: at(60) })
  for (const command of ['ls', 'ls', `echo "${TRICKY}"`, 'two\nlines', 'back\\nslash \\', '  ', 'ls']) {
    await shellHistory.append(command)
  }
  await coordination.acceptMessages('telegram', undefined, 7, [
    { id: 'm1', sender: '42', body: { text: TRICKY } },
    { id: 'm2', sender: '42', body: null },
  ])
  const lease = await coordination.acquireLease('channel:telegram:hash', 'daemon-1')
  await coordination.takeMessage('telegram', 'm1', lease?.fence ?? 0)
  await coordination.saveApproval({
    id: 'a1',
    channel: 'telegram',
    runId: 'r',
    toolCallId: 't',
    approver: '42',
    body: { question: TRICKY },
    expiresAt: at(1_000),
  })
  await coordination.import('legacy:1', [
    {
      kind: 'plan',
      key: 'p',
      plan: { id: 'imported', title: 'Imported', slug: 'imported', createdAt: at(5), body: 'b' },
    },
    { kind: 'history', key: '0', command: 'imported' },
  ])
}

/** Everything as the contract gives it, without a word from the code under test. */
export async function everythingOf(stores: Stores): Promise<Record<string, unknown>> {
  const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
  const loaded: Conversation[] = []
  for (const { id } of conversations) loaded.push(await stores.conversations.load(id))
  const { jobs } = await stores.scheduledJobs.list()
  const zone = stores.scheduledJobs.defaultTimezone
  const states = await stores.jobRuns.states()
  return {
    order: conversations.map(({ id }) => id),
    conversations: loaded.map((one) => JSON.stringify(one)),
    untitled: (await stores.conversations.listNeedingTitles(0)).map(({ id }) => id),
    groups: [...(await stores.sessionGroups.list())],
    jobs: jobs.map(({ revision: _, ...one }) => ({ ...one, timezone: one.timezone ?? zone })),
    states: Object.fromEntries([...states].map(([id, { scheduleHash: _, ...state }]) => [id, state])),
    fits: jobs.filter((one) => states.get(one.id)?.scheduleHash === scheduleHash(one)).map(({ id }) => id),
    runs: await stores.jobRuns.list({ limit: 0 }),
    plans: (await stores.plans.list()).plans,
    history: await stores.shellHistory.load(0),
    inbox: [await stores.coordination.inboxOffset('telegram'), await stores.coordination.inbox('telegram')],
    approvals: await stores.coordination.approvals('telegram'),
    imported: [...(await stores.coordination.imported('legacy:1'))].sort(),
  }
}
