import { describe, expect, it } from 'vitest'
import { type ScheduleDependencies, scheduleTool } from '#agent/tools/schedule.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { memoryStores } from '../headless-options.ts'

const call = { id: 'c', type: 'function' as const, function: { name: 'Schedule', arguments: '' } }
const NOW = new Date('2026-11-23T20:00:00.500Z')
const CREATE = { operation: 'create', cron_expression: '0 9 * * *', prompt: 'report', name: 'daily' }

function scheduling(more: Partial<ScheduleDependencies> = {}, stores: Stores = memoryStores()) {
  const tool = scheduleTool({
    jobs: stores.scheduledJobs,
    backend: { type: 'sqlite', shared: true },
    insideRun: false,
    origin: undefined,
    timezone: 'Europe/Berlin',
    maxJobs: 100,
    requireApproval: true,
    now: async () => NOW,
    runNow: async () => {
      throw new Error('not asked for')
    },
    ...more,
  })
  const run = async (args: JsonObject) => {
    const { data } = await tool.run(tool.parse(args), { signal: new AbortController().signal, call })
    return data as JsonObject
  }
  const prepare = async (args: JsonObject) => await tool.prepare?.(tool.parse(args))
  const stored = async () => (await stores.scheduledJobs.list()).jobs
  return { tool, run, prepare, stored, stores }
}

describe('Schedule', () => {
  it('creates a job with the zone of this process and says when it fires', async () => {
    const { run, stored } = scheduling()
    const view = await run(CREATE)
    expect(await stored()).toMatchObject([
      {
        id: view.id,
        name: 'daily',
        cronExpression: '0 9 * * *',
        timezone: 'Europe/Berlin',
        prompt: 'report',
        runOnce: false,
        enabled: true,
        catchUp: 'latest',
        overlap: 'skip',
        createdAt: NOW,
      },
    ])
    expect(view).toMatchObject({
      next_fires: ['2026-11-24T09:00:00+01:00', '2026-11-25T09:00:00+01:00', '2026-11-26T09:00:00+01:00'],
    })
  })

  it('takes channel and recipient from the session, never from the model', async () => {
    const { run, stored } = scheduling({ origin: { channel: 'telegram', recipientId: '42' } })
    await run({ ...CREATE, channel: 'slack', recipient_id: '1' })
    expect(await stored()).toMatchObject([{ channel: 'telegram', recipientId: '42' }])
    const local = scheduling()
    await local.run({ ...CREATE, channel: 'slack', recipient_id: '1' })
    expect((await local.stored())[0]).not.toHaveProperty('channel')
  })

  it('shows cron, zone, the next three fires and the whole prompt to whoever approves, and changes nothing', async () => {
    const { prepare, stored } = scheduling()
    const prompt = 'first line\n'.repeat(100)
    const text = await prepare({ ...CREATE, prompt, run_once: true, model: 'a/b' })
    expect(text).toBe(
      [
        'Create a job "daily":',
        'cron:   0 9 * * *',
        'zone:   Europe/Berlin (UTC+01:00)',
        'next:   2026-11-24T09:00:00+01:00, 2026-11-25T09:00:00+01:00, 2026-11-26T09:00:00+01:00',
        'once:   it is removed after its first fire',
        'model:  a/b',
        'prompt:',
        prompt,
      ].join('\n'),
    )
    expect(await stored()).toEqual([])
  })

  it.each([
    [{ cron_expression: '0 0 31 2 *' }, /never fires/],
    [{ cron_expression: '61 * * * *' }, /minute/],
    [{ cron_expression: '0 9 * * * *' }, /field/],
    [{ timezone: 'Mars/Olympus' }, /time zone "Mars\/Olympus" is unknown/],
    [{ prompt: '  ' }, /prompt is missing/],
    [{ cron_expression: null }, /cron_expression is missing/],
  ])('refuses %o before anybody is asked', async (wrong, message) => {
    const { prepare, run, stored } = scheduling()
    await expect(prepare({ ...CREATE, ...wrong })).rejects.toThrow(message)
    await expect(run({ ...CREATE, ...wrong })).rejects.toThrow(message)
    expect(await stored()).toEqual([])
  })

  it('binds itself to max_jobs', async () => {
    const { run } = scheduling({ maxJobs: 1 })
    await run(CREATE)
    await expect(run(CREATE)).rejects.toThrow('there are 1 jobs already and tools.schedule.max_jobs is 1')
  })

  it('refuses a backend that nobody else sees', async () => {
    const { run, prepare } = scheduling({ backend: { type: 'memory', shared: false } })
    for (const args of [CREATE, { operation: 'list' }]) {
      await expect(prepare(args)).rejects.toThrow('with storage.type memory')
      await expect(run(args)).rejects.toThrow('with storage.type memory')
    }
  })

  it('updates what is given and keeps the rest', async () => {
    const { run, stored } = scheduling()
    const { id } = await run({ ...CREATE, description: 'why' })
    await run({ operation: 'update', job_id: 'daily', cron_expression: '@hourly', description: '' })
    const [job] = await stored()
    expect(job).toMatchObject({ id, name: 'daily', cronExpression: '@hourly', prompt: 'report', createdAt: NOW })
    expect(job).not.toHaveProperty('description')
    await expect(run({ operation: 'update', job_id: 'daily', cron_expression: 'nope' })).rejects.toThrow()
  })

  it('pauses, resumes and deletes', async () => {
    const { run, stored } = scheduling()
    const { id } = (await run(CREATE)) as { id: string }
    expect(await run({ operation: 'pause', job_id: id.slice(0, 8) })).toMatchObject({ enabled: false, next_fires: [] })
    expect(await run({ operation: 'resume', job_id: id })).toMatchObject({ enabled: true })
    expect(await run({ operation: 'delete', job_id: 'daily' })).toEqual({ deleted: id })
    expect(await stored()).toEqual([])
    await expect(run({ operation: 'get', job_id: id })).rejects.toThrow('there is no job')
  })

  it('does not undo what somebody changed meanwhile', async () => {
    const stores = memoryStores()
    const { run } = scheduling({}, stores)
    const { id } = (await run(CREATE)) as { id: string }
    let changes = 0
    const jobs: Stores['scheduledJobs'] = Object.assign(Object.create(stores.scheduledJobs), {
      list: async () => {
        const before = await stores.scheduledJobs.list()
        const job = await stores.scheduledJobs.load(id)
        changes += 1
        await stores.scheduledJobs.save({ ...job, prompt: `changed elsewhere ${changes}` })
        return before
      },
    })
    const late = scheduling({ jobs }, stores)
    await expect(late.run({ operation: 'pause', job_id: id })).rejects.toMatchObject({ code: 'E_CONFLICT' })
    expect(await stores.scheduledJobs.load(id)).toMatchObject({ prompt: 'changed elsewhere 2', enabled: true })
  })

  it('wants a prefix or a name that means one job', async () => {
    const { run } = scheduling()
    await run(CREATE)
    await run(CREATE)
    await expect(run({ operation: 'get', job_id: 'daily' })).rejects.toThrow('"daily" means several jobs')
    await expect(run({ operation: 'get' })).rejects.toThrow('job_id is missing')
  })

  it('shows a chat its own jobs only, and lets it touch no other', async () => {
    const stores = memoryStores()
    const mine = scheduling({ origin: { channel: 'telegram', recipientId: '1' } }, stores)
    const other = scheduling({ origin: { channel: 'telegram', recipientId: '2' } }, stores)
    const { id } = (await mine.run(CREATE)) as { id: string }
    expect(await mine.run({ operation: 'list' })).toMatchObject({ jobs: [{ id }] })
    expect(await other.run({ operation: 'list' })).toEqual({ jobs: [] })
    for (const operation of ['get', 'update', 'delete', 'pause', 'resume']) {
      await expect(other.run({ operation, job_id: id })).rejects.toThrow('there is no job')
    }
    expect(await scheduling({}, stores).run({ operation: 'list' })).toMatchObject({ jobs: [{ id }] })
  })

  it('offers only list and get inside a run', async () => {
    const stores = memoryStores()
    await scheduling({}, stores).run(CREATE)
    const { tool, run } = scheduling({ insideRun: true }, stores)
    expect(tool.parameters).toMatchObject({ properties: { operation: { enum: ['list', 'get'] } } })
    expect(await run({ operation: 'list' })).toMatchObject({ jobs: [{ name: 'daily' }] })
    for (const operation of ['create', 'update', 'delete', 'pause', 'resume', 'run']) {
      await expect(run({ ...CREATE, operation })).rejects.toThrow(
        'inside a scheduled run only list and get are offered',
      )
    }
  })

  it('asks for approval of everything that changes something, unless the settings say otherwise', () => {
    const needs = (requireApproval: boolean, operation: string) => {
      const { tool } = scheduling({ requireApproval })
      return tool.needsApproval(tool.parse({ operation }))
    }
    expect(['create', 'update', 'delete', 'pause', 'resume'].map((operation) => needs(true, operation))).not.toContain(
      false,
    )
    expect(['list', 'get'].map((operation) => needs(true, operation))).not.toContain(true)
    expect(needs(false, 'create')).toBe(false)
  })

  it('runs the job that was found at once, and tells the run', async () => {
    const runNow = async (id: string) => ({ job_id: id, state: 'succeeded', output: 'done' })
    const { run, prepare } = scheduling({ runNow })
    const { id } = await run(CREATE)
    expect(await prepare({ operation: 'run', job_id: 'daily' })).toContain('Run the job "daily":')
    expect(await run({ operation: 'run', job_id: 'daily' })).toEqual({ job_id: id, state: 'succeeded', output: 'done' })
    await expect(prepare({ operation: 'run', job_id: 'x' })).rejects.toThrow('there is no job "x"')
  })

  it('names the operations when it gets another one', async () => {
    await expect(scheduling().run({ operation: 'destroy' })).rejects.toThrow(
      'operation must be one of create, list, get, update, delete, pause, resume, run',
    )
  })
})
