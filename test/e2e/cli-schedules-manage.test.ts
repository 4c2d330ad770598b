import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { saveChanged, setEnabled } from '#commands/save-job.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { makeBackend } from '../support/backends.ts'
import { type CliPlace, cliEnvironment, cliPlace } from '../support/cli.ts'
import { freePort } from '../support/test-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { InferProcess } from './infer-process.ts'

type Backend = 'jsonl' | 'sqlite' | 'postgres' | 'redis'
interface JobView {
  id: string
  [key: string]: unknown
}

let place: CliPlace
let stores: Stores
let settings: NodeJS.ProcessEnv
let open: AsyncDisposableStack

beforeEach(() => {
  open = new AsyncDisposableStack()
})
afterEach(async () => {
  await open[Symbol.asyncDispose]()
})

/** `place` and `stores`: the program, and a second process's view of the same data. */
async function use(type: Backend): Promise<void> {
  settings = { INFER_GATEWAY_MOCK: 'true', INFER_STORAGE_TYPE: type }
  const backend = open.use(await makeBackend(type))
  const options = backend.options()
  if (options.type === 'sqlite') settings.INFER_STORAGE_SQLITE_PATH = options.path
  if (options.type === 'postgres') settings.INFER_STORAGE_POSTGRES_URL = options.url
  if (options.type === 'redis') settings.INFER_STORAGE_REDIS_URL = options.url
  place = open.use(cliPlace(settings))
  stores = type === 'jsonl' ? open.use(await openFiles()) : await backend.open()
}

async function openFiles(): Promise<Stores> {
  const { home, cwd } = place
  return await openStores({
    type: 'jsonl',
    warn: () => {},
    conversationsDir: `${cwd}/.infer/conversations`,
    sessionGroupsFile: `${cwd}/.infer/session_groups.json`,
    plansDir: `${cwd}/.infer/plans`,
    historyFile: `${cwd}/.infer/history`,
    schedulesDir: `${home}/.infer/schedules`,
    runsDir: `${home}/.infer/runs`,
  })
}

/** Creates a job that fires at nine in Berlin. */
async function create(args: readonly string[] = [], prompt = 'say hello'): Promise<JobView> {
  const given = ['--cron', '0 9 * * *', '--timezone', 'Europe/Berlin', '--prompt', prompt, ...args]
  return (await place.json(['schedules', 'create', ...given])) as JobView
}

const show = async (id: string) => (await place.json(['schedules', 'show', id])) as JobView
const cursor = async (id: string) => (await stores.jobRuns.state(id))?.cursor.getTime() ?? 0
const runsOf = async (jobId: string) => await stores.jobRuns.list({ jobId, limit: 0 })

describe.each(['jsonl', 'sqlite'] as const)('infer schedules update, pause and resume on %s', (type) => {
  beforeEach(async () => {
    await use(type)
  })

  it('update changes what is named and leaves the rest; empty text removes', async () => {
    const job = await create(['--name', 'hello', '--description', 'greets', '--model', 'mock/model'])
    const recipient = ['--channel', 'telegram', '--recipient', '42']
    const policies = ['--catch-up', 'none', '--overlap', 'allow', '--run-once']
    const text = ['--prompt', '-', '--name', 'hullo', ...recipient, ...policies]
    const changed = await place.json(['schedules', 'update', 'hello', ...text], { stdin: 'say hello\nto all\n' })
    expect(changed).toEqual({
      ...job,
      name: 'hullo',
      prompt: 'say hello\nto all',
      channel: 'telegram',
      recipient_id: '42',
      catch_up: 'none',
      overlap: 'allow',
      run_once: true,
      updated_at: expect.any(String),
    })
    expect((changed as JobView).updated_at).not.toBe(job.updated_at)
    expect(await show('hullo')).toEqual(changed)

    const empty = ['--name', '', '--description', '', '--model', '', '--channel', '', '--recipient', '']
    const emptied = await place.json(['schedules', 'update', job.id, ...empty, '--no-run-once'])
    const none = { name: null, description: null, model: null, channel: null, recipient_id: null }
    expect(emptied).toMatchObject({ ...none, run_once: false, prompt: 'say hello\nto all', overlap: 'allow' })
  })

  it('update starts the schedule anew when expression or zone change, and only then', async () => {
    const { id } = await create()
    const first = await cursor(id)
    const same = await place.run(['schedules', 'update', id, '--prompt', 'say hello twice', '--cron', '0 9 * * *'])
    expect(same.stdout).toMatch(/^Updated job .*\.\nNext fires:\n {2}\S+ 09:00:00 Europe\/Berlin\n/)
    expect(await cursor(id)).toBe(first)

    const zone = await place.run(['schedules', 'update', id, '--timezone', 'Asia/Tokyo'])
    expect(zone.stdout).toContain('Its schedule starts anew')
    expect(zone.stdout).toMatch(/( {2}\S+ 09:00:00 Asia\/Tokyo\n){3}$/)
    const second = await cursor(id)
    expect(second).toBeGreaterThan(first)

    const cron = await place.run(['schedules', 'update', id, '--cron', 'CRON_TZ=America/Lima 30 7 * * *'])
    expect(cron.stdout).toMatch(/( {2}\S+ 07:30:00 America\/Lima\n){3}$/)
    expect(await cursor(id)).toBeGreaterThan(second)
  })

  it.each([
    ['nothing', [], 'Nothing is to be changed'],
    ['a date that no year has', ['--cron', '0 0 31 2 *'], 'never fires'],
    ['a field out of range', ['--cron', '60 * * * *'], 'minute'],
    ['a zone that does not exist', ['--timezone', 'Mars/Olympus'], 'The time zone "Mars/Olympus" is unknown'],
    ['an empty prompt', ['--prompt', ' '], 'The prompt is empty'],
    ['half of a recipient', ['--channel', 'telegram'], '--channel needs --recipient too'],
    ['half of no recipient', ['--channel', 'telegram', '--recipient', ''], 'together'],
  ])('update refuses %s and changes nothing', async (_, flags, sentence) => {
    const job = await create(['--name', 'hello'])
    const { code, stderr, stdout } = await place.run(['schedules', 'update', 'hello', ...flags])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(sentence)
    expect(await show(job.id)).toEqual(job)
  })

  it('pauses and resumes several at once, and again without a change', async () => {
    const [one, two] = [await create(['--name', 'one']), await create(['--name', 'two'])]
    const paused = await place.json(['schedules', 'pause', 'one', two.id, 'one'])
    expect(paused).toMatchObject([one, two].map(({ id }) => ({ id, enabled: false, next_fire: null })))
    expect(await place.json(['schedules', 'pause', 'one', 'two'])).toEqual(paused)
    const update = await place.run(['schedules', 'update', 'one', '--description', 'x'])
    expect(update.stdout).toContain(`It is paused: infer schedules resume ${one.id}`)

    const before = await cursor(two.id)
    const { stdout, stderr } = await place.run(['schedules', 'resume', 'one', 'two'])
    expect(stdout.match(/ {2}\S+ 09:00:00 Europe\/Berlin/g)).toHaveLength(6)
    expect(stderr).toContain('infer channels-manager')
    expect(await cursor(two.id)).toBeGreaterThan(before)
    const resumed = await place.json(['schedules', 'resume', 'two'])
    expect(resumed).toEqual([{ ...two, updated_at: expect.any(String) }])
    expect(await place.json(['schedules', 'resume', 'two'])).toEqual(resumed)
  })

  it('resumes none when the expression of one is wrong, and pauses none when one does not exist', async () => {
    const [good, bad] = [await create(['--name', 'good']), await create(['--name', 'bad'])]
    await place.json(['schedules', 'pause', 'good', 'bad'])
    await stores.scheduledJobs.save({ ...(await stores.scheduledJobs.load(bad.id)), cronExpression: '0 25 * * *' })
    const resume = await place.run(['schedules', 'resume', 'good', 'bad'])
    expect(resume.code).toBe(2)
    expect(resume.stderr).toContain('hour')
    expect(await show(good.id)).toMatchObject({ enabled: false })

    await place.json(['schedules', 'resume', 'good'])
    expect((await place.run(['schedules', 'pause', 'good', 'nobody'])).code).toBe(3)
    expect(await show(good.id)).toMatchObject({ enabled: true })
  })

  it('what somebody else changed meanwhile is kept: an update is refused, a pause is tried anew', async () => {
    const { id } = await create()
    const jobs = stores.scheduledJobs
    const old: StoredJob = await jobs.load(id)
    await place.json(['schedules', 'update', id, '--prompt', 'say hello to all'])
    await expect(saveChanged(jobs, { ...old, name: 'mine' }, old.revision)).rejects.toMatchObject({
      code: 'E_CONFLICT',
      message: `job ${id} was changed meanwhile, so nothing was saved`,
      hint: `try again; infer schedules show ${id} shows it as it is now`,
    })
    await setEnabled(jobs, old, false, new Date())
    expect(await show(id)).toMatchObject({ enabled: false, prompt: 'say hello to all', name: null })
    await place.json(['schedules', 'delete', id])
    await expect(setEnabled(jobs, old, false, new Date())).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })
})

/** An answer that takes longer than any test. */
const ENDLESS = `
scenarios:
  - name: endless
    match: take your time
    turns:
      - { content: "${'one more word '.repeat(100)}", chunk_size: 1, delay_ms: 500 }
`

/** `infer schedules run`, which the test watches and stops. */
function startRun(job: string): InferProcess {
  const scenarios = join(place.cwd, 'endless.yaml')
  writeFileSync(scenarios, ENDLESS)
  const env = cliEnvironment(place.home, { ...settings, INFER_GATEWAY_MOCK_SCENARIOS: scenarios })
  return new InferProcess(['schedules', 'run', job], { cwd: place.cwd, env })
}

describe.each(['jsonl', 'sqlite', 'postgres', 'redis'] as const)('infer schedules run on %s', (type) => {
  beforeEach(async () => {
    await use(type)
  })

  it('runs a paused job here, result on stdout, and leaves schedule and job alone', async () => {
    const job = await create(['--name', 'hello', '--run-once'])
    await place.json(['schedules', 'pause', 'hello'])
    const before = await cursor(job.id)
    const { code, stdout, stderr } = await place.run(['schedules', 'run', 'hello'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello! How can I help?\n' })
    const [run, ...others] = await runsOf(job.id)
    expect(others).toEqual([])
    expect(run).toMatchObject({
      trigger: 'manual',
      state: 'succeeded',
      fence: 1,
      owner: expect.stringMatching(/^manual:/),
    })
    expect(stderr).toContain(`Run ${run?.id} of job hello.\nSession ${run?.sessionId} with mock/model.\n`)
    const { entries } = await stores.conversations.load(run?.sessionId ?? '')
    expect(entries.map(({ message }) => message.role)).toEqual(['user', 'assistant'])
    expect(await cursor(job.id)).toBe(before)
    expect(await show(job.id)).toMatchObject({ enabled: false, last_run: run?.startedAt?.toISOString() })

    const second = await place.json(['schedules', 'run', 'hello'])
    expect(second).toMatchObject({
      job_id: job.id,
      trigger: 'manual',
      state: 'succeeded',
      output: 'Hello! How can I help?',
    })
    const listed = (await place.json(['schedules', 'runs', 'hello'])) as JobView[]
    expect(listed).toHaveLength(2)
    expect(listed).toContainEqual(second)
  })

  it('is one at a time, is interrupted by Ctrl-C, and sees one definition whole', async () => {
    const { id } = await create(['--name', 'slow'], 'take your time')
    const processes = [startRun(id), startRun(id)]
    for (const each of processes) each.endInput()
    const refused = await Promise.race(processes.map(async (each) => ({ each, ended: await each.end() })))
    const going = processes.find((each) => each !== refused.each)
    const run = await waitFor('the run', async () => (await runsOf(id)).find(({ state }) => state === 'running'))
    expect(await runsOf(id)).toHaveLength(1)
    const sentence = `Run ${run.id} of job slow has not ended (`
    expect(refused.ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(sentence) })

    await place.json(['schedules', 'update', 'slow', '--prompt', 'say hello'])
    const third = await place.run(['schedules', 'run', 'slow', '--json'])
    expect(third.code).toBe(1)
    expect(JSON.parse(third.stdout)).toMatchObject({
      error: { code: 'E_FAILED', message: expect.stringContaining(sentence) },
    })

    going?.signal('SIGINT')
    const interrupted = await going?.end()
    expect(interrupted?.code).toBe(130)
    expect(interrupted?.stderr).toContain(`infer: Run ${run.id} was interrupted: Interrupted (SIGINT).`)
    expect(await stores.jobRuns.get(run.id)).toMatchObject({
      state: 'interrupted',
      snapshot: { prompt: 'take your time' },
    })
    expect((await place.run(['schedules', 'run', 'slow'])).code).toBe(0)
  })

  it('fails with exit 1 and the reason at once when no gateway answers', async () => {
    const { id } = await create(['--name', 'hello'])
    const url = `http://127.0.0.1:${await freePort()}`
    const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: url, INFER_AGENT_MODEL: 'a/model' }
    const why = `failed: No gateway answers at ${url} (connection refused).\n  Start one:`
    const text = await place.run(['schedules', 'run', id], { env })
    const [first] = await runsOf(id)
    expect({ code: text.code, stdout: text.stdout }).toEqual({ code: 1, stdout: '' })
    expect(text.stderr).toContain(`infer: Run ${first?.id} ${why}`)

    const json = await place.run(['schedules', 'run', id, '--json'], { env })
    const run = JSON.parse(json.stdout) as JobView
    expect(json.code).toBe(1)
    expect(run).toMatchObject({ state: 'failed', reason: first?.reason })
    expect(json.stderr).toContain(`infer: Run ${run.id} ${why}`)
    expect(await stores.jobRuns.get(run.id)).toMatchObject({ state: 'failed', trigger: 'manual' })
    expect(await show(id)).toMatchObject({ last_error: first?.reason })
  })

  it('keeps as many runs as tools.schedule.keep_runs says', async () => {
    const { id } = await create()
    for (let round = 1; round <= 3; round += 1) {
      await place.json(['schedules', 'run', id], { env: { INFER_TOOLS_SCHEDULE_KEEP_RUNS: '2' } })
    }
    expect(await runsOf(id)).toHaveLength(2)
  })
})
