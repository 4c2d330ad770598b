import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { JobRun } from '#storage/contract/job-runs.ts'
import { testDirectory } from '../support/backends.ts'
import { cliEnvironment, INFER } from '../support/cli.ts'
import { makeSite, type Site, saveJob } from '../support/daemon.ts'
import { isRunning } from '../support/processes.ts'
import type { SchedulerOrders } from '../support/scheduler-child.ts'
import { SchedulerProcess } from '../support/scheduler-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { DURABLE } from './durable.ts'

const TEST_MS = 240_000
/** Long enough for an agent to begin on a busy machine, and shorter than the 15 s after which one renews. */
const LEASE_MS = 12_000

/** `infer` as agents of this place are started. */
function inferOf({ place, env }: Site): [string, ...string[]] {
  const settings = Object.entries(cliEnvironment(place.home, env)).map(([name, value]) => `${name}=${value}`)
  return ['env', '-C', place.cwd, '-i', ...settings, process.execPath, INFER]
}

/** Says in a file which claim it was started for, and waits for another file before it becomes the real program. */
const GATE = `
  for argument; do
    case $before in --run) run=$argument;; --fence) fence=$argument;; esac
    before=$argument
  done
  echo $$ >"$0/$run-$fence.waits"
  until [ -e "$0/$run-$fence.opens" ]; do sleep 0.02; done
  exec "$@"`

/** Makes the settings of the working directory unreadable, then becomes the real program. */
const BREAK = 'mkdir -p "$0/.infer"; echo "storage: [" >"$0/.infer/config.yaml"; exec "$@"'

function schedulerOf(site: Site, owner: string, orders: Partial<SchedulerOrders>): Promise<SchedulerProcess> {
  const { options: storage, place } = site
  return SchedulerProcess.begin({ storage, owner, logDirectory: join(place.home, 'logs'), ...orders })
}

async function runWhen(site: Site, jobId: string, what: string, holds: (run: JobRun) => boolean): Promise<JobRun> {
  const ask = async () => {
    const [run] = await site.runs(jobId)
    return run && holds(run) && run
  }
  return await waitFor(`the run of ${jobId} ${what}`, ask, 60_000)
}

const ended = (site: Site, jobId: string) =>
  runWhen(site, jobId, 'has ended', ({ finishedAt }) => finishedAt !== undefined)

/** What the agents of a job were told, by session. */
async function prompts(site: Site): Promise<Map<string, unknown[]>> {
  const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
  const found = new Map<string, unknown[]>()
  for (const { id } of conversations) {
    const { entries } = await site.stores.conversations.load(id)
    found.set(
      id,
      entries.filter(({ message }) => message.role === 'user').map(({ message }) => message.content),
    )
  }
  return found
}

describe('a daemon that is killed', () => {
  it.concurrent.each(DURABLE)(
    'between a claim and the first act of its agent leaves one run of each fire on %s',
    async (type) => {
      await using site = await makeSite(type)
      const gates = testDirectory()
      const waiting = async ({ id }: JobRun) =>
        Number(
          await waitFor('the agent that waits', () => {
            const path = join(gates, `${id}-1.waits`)
            return existsSync(path) && readFileSync(path, 'utf8').trim()
          }),
        )
      const open = ({ id }: JobRun) => writeFileSync(join(gates, `${id}-1.opens`), '')
      const large = 'ten mebibytes '.repeat(Math.ceil((10 * 1_048_576) / 14))
      await using doomed = await schedulerOf(site, 'doomed', {
        command: ['sh', '-c', GATE, gates, ...inferOf(site)],
        neverStarted: ['unborn'],
      })
      // A save of ten mebibytes can take seconds on a busy machine, and a fire before its end would be none.
      await saveJob(site, { id: 'early', prompt: large }, { inSeconds: 8 })
      await saveJob(site, { id: 'unborn', prompt: 'say hello' }, { inSeconds: 6 })
      await saveJob(site, { id: 'late', prompt: 'say hello' }, { inSeconds: 6 })
      await waitFor('three claims', () => doomed.started.length === 3, 60_000)
      const [unborn, late, early] = await Promise.all(
        ['unborn', 'late', 'early'].map((id) => runWhen(site, id, 'is claimed', ({ state }) => state === 'claimed')),
      )
      if (!unborn || !late || !early) throw new Error('a run is missing')
      const [latePid] = await Promise.all([waiting(late), waiting(early)])
      open(early)
      await doomed.child.kill()
      // With its ten mebibytes it may take longer than the short lease to begin, so it ends before the heir looks.
      const begun = await ended(site, 'early')

      await using heir = await schedulerOf(site, 'heir', { command: inferOf(site), leaseMs: LEASE_MS })
      const taken = await Promise.all([ended(site, 'unborn'), ended(site, 'late')])
      open(late)
      await waitFor('the end of the agent that came late', () => !isRunning(latePid), 60_000)
      expect(await heir.stop()).toBe(0)
      expect(taken).toMatchObject([
        { id: unborn.id, state: 'succeeded', fence: 2, owner: 'heir' },
        { id: late.id, state: 'succeeded', fence: 2, owner: 'heir' },
      ])
      expect(begun).toMatchObject({ id: early.id, state: 'succeeded', fence: 1, owner: 'doomed' })
      expect(await site.runs('early')).toEqual([begun])
      expect(await site.stores.jobRuns.list({ limit: 0 })).toHaveLength(3)
      const told = await prompts(site)
      expect(told.size).toBe(3)
      const isWhole = told.get(begun.sessionId ?? '')?.[0] === large
      expect(isWhole).toBe(true)
      expect(taken.map(({ sessionId = '' }) => told.get(sessionId))).toEqual([['say hello'], ['say hello']])
    },
    TEST_MS,
  )
})

// Two tests of one backend must not run at once, so each has a group of its own.
describe('an agent that was stopped past its lease', () => {
  it.concurrent.each(DURABLE)(
    'begins no further call when it goes on, on %s, and its end is refused',
    async (type) => {
      await using site = await makeSite(type)
      const file = join(testDirectory(), 'calls')
      const said = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
      const program = fileURLToPath(new URL('../support/run-child.ts', import.meta.url))
      const { warn: _, ...storage } = site.options
      const command = [process.execPath, program, JSON.stringify(storage), file] as const
      await using scheduler = await schedulerOf(site, 'one', { command, leaseMs: LEASE_MS })
      await saveJob(site, { id: 'job', prompt: 'say hello' })
      await waitFor('some calls', () => said().length > 3, 60_000)
      const { pid = 0 } = await runWhen(site, 'job', 'is running', ({ state }) => state === 'running')
      process.kill(pid, 'SIGSTOP')
      const calls = said()
      const lost = await ended(site, 'job')
      expect(lost).toMatchObject({ state: 'lost', fence: 1 })
      process.kill(pid, 'SIGCONT')
      await waitFor('the end of the agent', () => !isRunning(pid), 60_000)
      expect(said()).toEqual([...calls, `Run ${lost.id} is no longer held on fence 1; it was stopped.`])
      expect(await site.runs('job')).toEqual([lost])
      expect(await scheduler.stop()).toBe(0)
    },
    TEST_MS,
  )
})

describe('an agent that cannot begin', () => {
  it.concurrent.each(DURABLE)(
    'has failed after three claims on %s, with its last words',
    async (type) => {
      await using site = await makeSite(type)
      await using scheduler = await schedulerOf(site, 'one', {
        // The real program, in a working directory whose settings cannot be read.
        command: ['sh', '-c', BREAK, site.place.cwd, ...inferOf(site)],
      })
      await saveJob(site, { id: 'job', prompt: 'say hello' })
      const run = await ended(site, 'job')
      expect(run).toMatchObject({ state: 'failed', fence: 3 })
      expect(run.reason).toMatch(/^the agent did not start in 3 attempts: the agent ended: exit code \d+: infer: ./)
      expect((await site.stores.scheduledJobs.load('job')).lastError).toBe(run.reason)
      expect(await scheduler.stop()).toBe(0)
      expect(scheduler.started).toHaveLength(3)
    },
    TEST_MS,
  )
})
