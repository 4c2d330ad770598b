import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { newPlace, type Place } from './infer-process.ts'

let place: Place
let stores: Stores

beforeEach(async () => {
  place = await newPlace({ INFER_TOOLS_SCHEDULE_ENABLED: 'true' })
  const { home, cwd } = place
  stores = await openStores({
    type: 'jsonl',
    warn: () => {},
    conversationsDir: join(cwd, '.infer/conversations'),
    sessionGroupsFile: join(cwd, '.infer/session_groups.json'),
    plansDir: join(cwd, '.infer/plans'),
    historyFile: join(cwd, '.infer/history'),
    schedulesDir: join(home, '.infer/schedules'),
    runsDir: join(home, '.infer/runs'),
  })
})
afterEach(async () => {
  await stores[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** A claim of a new job, as a daemon makes it. */
async function claimed(prompt: string): Promise<JobRun> {
  const created = await place.run(['schedules', 'create', '--cron', '@hourly', '--prompt', prompt, '--json'])
  const { id } = JSON.parse(created.stdout)
  const { revision } = await stores.scheduledJobs.load(id)
  const who = { owner: 'a-daemon', host: 'here', token: randomUUID() }
  const request = { ...who, jobId: id, revision, scheduledFor: new Date(), trigger: 'manual' as const }
  const result = await stores.jobRuns.claim(request)
  if (!result.claimed) throw new Error(result.refusal)
  return result.run
}

const argsOf = ({ id, fence }: JobRun) => ['agent', '--run', id, '--fence', String(fence)]

describe('infer agent --run', () => {
  it('takes its prompt from the store and leaves its result there', async () => {
    const run = await claimed('say hello')
    expect((await place.run(argsOf(run))).code).toBe(0)
    const ended = await stores.jobRuns.get(run.id)
    expect(ended).toMatchObject({ state: 'succeeded', output: 'Hello! How can I help?' })
    const { entries } = await stores.conversations.load(ended.sessionId ?? '')
    expect(entries.map(({ message }) => message.role)).toEqual(['user', 'assistant'])
  })

  it('does nothing on an old fence, and runs once however many are started', async () => {
    const run = await claimed('say hello')
    const old = await place.run(['agent', '--run', run.id, '--fence', '0'])
    expect(old.code).toBe(1)
    expect(old.stdout).toBe('')
    const both = await Promise.all([place.run(argsOf(run)), place.run(argsOf(run))])
    expect(new Set(both.map(({ code }) => code))).toEqual(new Set([0, 1]))
    expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toHaveLength(1)
  })

  it('is interrupted by SIGTERM, and says so in the store', async () => {
    const run = await claimed('stream slowly')
    const child = place.start(argsOf(run))
    await child.line('the user message', ({ role }) => role === 'user')
    child.signal('SIGTERM')
    expect((await child.end()).code).toBe(130)
    expect(await stores.jobRuns.get(run.id)).toMatchObject({
      state: 'interrupted',
      reason: 'Interrupted (SIGTERM).',
    })
  })

  it('has no approver, and offers Schedule for looking only', async () => {
    const run = await claimed('every 10 seconds, say hello')
    const { stdout, code } = await place.run(argsOf(run))
    expect(stdout).toContain('inside a scheduled run only list and get are offered')
    expect(code).toBe(0)
    expect((await stores.scheduledJobs.list()).jobs).toHaveLength(1)
  })

  it('fails at tools.schedule.run_timeout', async () => {
    const run = await claimed('stream slowly')
    const { code } = await place.run(argsOf(run), { env: { INFER_TOOLS_SCHEDULE_RUN_TIMEOUT: '300ms' } })
    expect(code).toBe(1)
    expect(await stores.jobRuns.get(run.id)).toMatchObject({
      state: 'failed',
      reason: 'The run took longer than 300ms (tools.schedule.run_timeout).',
    })
  })
})
