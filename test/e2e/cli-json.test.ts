import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CliPlace, cliPlace } from '../support/cli.ts'
import { openCliStores } from '../support/cli-samples.ts'

const JOB = [
  ...['id', 'name', 'description', 'cron_expression', 'timezone', 'prompt', 'channel', 'recipient_id', 'model'],
  ...['run_once', 'enabled', 'catch_up', 'overlap', 'created_at', 'updated_at', 'last_run', 'last_error', 'next_fire'],
]
const RUN = [
  ...['id', 'job_id', 'job_name', 'scheduled_for', 'trigger', 'state', 'reason', 'count', 'owner', 'host', 'fence'],
  ...['session_id', 'started_at', 'finished_at', 'output', 'delivery'],
]
const PLAN = ['id', 'title', 'slug', 'created_at', 'uri']
const CONVERSATION = [
  ...['id', 'title', 'created_at', 'updated_at', 'message_count', 'model', 'tags', 'token_stats', 'cost_stats'],
]

let place: CliPlace
const ids = { job: '', plan: '', session: '' }

beforeAll(async () => {
  place = cliPlace({ INFER_GATEWAY_MOCK: 'true' })
  const created = ['schedules', 'create', '--cron', '@hourly', '--prompt', 'say hello', '--name', 'hello']
  ids.job = ((await place.json(created)) as { id: string }).id
  await place.run(['agent', '--mode', 'plan', 'plan the next release'])
  await place.run(['agent', '--session-id', 'channel-telegram-1', 'say hello'])
  await using stores = await openCliStores(place)
  ids.plan = (await stores.plans.list()).plans[0]?.id ?? ''
  ids.session = (await stores.sessionGroups.get('channel-telegram-1'))?.currentSessionId ?? ''
  for (const line of ['first', 'second']) await stores.shellHistory.append(line)
  const { revision } = await stores.scheduledJobs.load(ids.job)
  const request = { owner: 'a-daemon', host: 'here', token: randomUUID(), trigger: 'manual' as const }
  const claim = await stores.jobRuns.claim({ ...request, jobId: ids.job, revision, scheduledFor: new Date() })
  if (!claim.claimed) throw new Error(claim.refusal)
  await stores.jobRuns.start(claim.run.id, claim.run.fence, { pid: 1, host: 'here', sessionId: ids.session })
  await stores.jobRuns.finish(claim.run.id, claim.run.fence, { state: 'succeeded', output: 'Hello!' })
})
afterAll(() => place[Symbol.dispose]())

const keys = (value: unknown) => Object.keys(value as object)
const first = async (...args: string[]) => ((await place.json(args)) as unknown[])[0]

describe('--json', () => {
  it('has the keys of a job', async () => {
    expect(keys(await first('schedules', 'list'))).toEqual(JOB)
    const job = await place.json(['schedules', 'show', 'hello'])
    expect(keys(job)).toEqual(JOB)
    expect(job).toMatchObject({ id: ids.job, name: 'hello', cron_expression: '@hourly', channel: null, enabled: true })
  })

  it('has the keys of a run, and filters by job', async () => {
    const run = (await first('schedules', 'runs', 'hello', '--limit', '1')) as Record<string, unknown>
    expect(keys(run)).toEqual(RUN)
    expect(keys(run.delivery)).toEqual(['state', 'attempts', 'error'])
    expect(run).toMatchObject({ job_id: ids.job, state: 'succeeded', output: 'Hello!', session_id: ids.session })
  })

  it('has the keys of a preview', async () => {
    const args = ['schedules', 'preview', '30 2 * * *', '--timezone', 'Europe/Berlin', '--from', '2026-03-27T01:30:00Z']
    expect(await place.json([...args, '--count', '2'])).toEqual({
      cron_expression: '30 2 * * *',
      timezone: 'Europe/Berlin',
      fires: ['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z'],
    })
    expect(keys(await place.json(['schedules', 'preview', 'hello']))).toEqual(['cron_expression', 'timezone', 'fires'])
  })

  it('has the keys of a plan', async () => {
    expect(keys(await first('plans', 'list'))).toEqual(PLAN)
    const plan = (await place.json(['plans', 'show', ids.plan])) as Record<string, unknown>
    expect(keys(plan)).toEqual([...PLAN, 'body'])
    expect(plan.uri).toBe(`infer://plans/${ids.plan}`)
  })

  it('has the keys of a conversation', async () => {
    const listed = (await first('conversations', 'list', '--limit', '1')) as Record<string, unknown>
    expect(keys(listed)).toEqual(CONVERSATION)
    const shown = (await place.json(['conversations', 'show', 'channel-telegram-1'])) as Record<string, unknown>
    expect(keys(shown)).toEqual(['metadata', 'entries'])
    expect(shown.metadata).toMatchObject({ id: ids.session, message_count: 2 })
    expect((shown.entries as { message: { role: string } }[]).map(({ message }) => message.role)).toEqual([
      'user',
      'assistant',
    ])
  })

  it('lists history as strings, oldest first', async () => {
    expect(await place.json(['history', 'list'])).toEqual(['first', 'second'])
    expect(await place.json(['history', 'list', '--limit', '1'])).toEqual(['second'])
  })

  it('has the keys of the status, and exits 1 with the problems', async () => {
    const { code, stdout } = await place.run(['status', '--json'])
    const status = JSON.parse(stdout)
    expect(keys(status)).toEqual([
      ...['healthy', 'problems', 'backend', 'gateway', 'daemons', 'channels', 'jobs', 'next_fires', 'last_runs'],
    ])
    expect(keys(status.backend)).toEqual(['type', 'location', 'ok'])
    expect(keys(status.gateway)).toEqual(['url', 'ok', 'models'])
    expect(keys(status.jobs)).toEqual(['total', 'enabled', 'failing'])
    expect(status.healthy).toBe(false)
    expect(status.problems).toEqual([expect.stringContaining('infer channels-manager')])
    expect(code).toBe(1)
  })

  it('is what --format json means', async () => {
    const [json, format] = await Promise.all([
      place.run(['plans', 'list', '--json']),
      place.run(['plans', 'list', '--format', 'json']),
    ])
    expect(format).toEqual(json)
  })

  it('deletes by name, prefix and id, and says which', async () => {
    const created = ['schedules', 'create', '--cron', '@daily', '--prompt', 'x', '--name', 'with spaces']
    const { id } = (await place.json(created)) as { id: string }
    expect(await place.json(['schedules', 'delete', 'with spaces', id])).toEqual({ deleted: [id] })
    await using stores = await openCliStores(place)
    const plan = await stores.plans.save({ title: 'Gone soon', body: 'x' })
    expect(await place.json(['plans', 'delete', plan.id, `infer://plans/${plan.id}`])).toEqual({ deleted: [plan.id] })
    const [conversation] = (await place.json(['conversations', 'list'])) as { id: string }[]
    const prefix = conversation?.id.slice(0, 20) ?? ''
    expect(await place.json(['conversations', 'delete', prefix, `${conversation?.id}`])).toEqual({
      deleted: [conversation?.id],
    })
  })
})

describe('a healthy place', () => {
  it('has status 0', async () => {
    using empty = cliPlace({ INFER_GATEWAY_MOCK: 'true' })
    const { code, stdout } = await empty.run(['status', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ healthy: true, problems: [], jobs: { total: 0 } })
    expect(code).toBe(0)
  })

  it('has status 1 with a job whose expression somebody broke by hand', async () => {
    using place = cliPlace({ INFER_GATEWAY_MOCK: 'true' })
    const schedules = join(place.home, '.infer/schedules')
    mkdirSync(schedules, { recursive: true })
    const text = 'id: broken\nname: Morning\ncron_expression: 61 9 * * *\nprompt: hello\n'
    writeFileSync(join(schedules, 'broken.yaml'), text)
    const { code, stdout } = await place.run(['status', '--json'])
    expect(JSON.parse(stdout).problems).toContainEqual(expect.stringMatching(/^Job Morning never fires: /))
    expect(code).toBe(1)
  })
})
