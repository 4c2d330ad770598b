import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RunProcesses, type RunProcessesOptions } from '#daemon/run-processes.ts'
import type { RunExit } from '#scheduler/active-runs.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import { claimedRun } from '../scheduler/claimed-run.ts'
import { testDirectory } from '../support/backends.ts'
import { isRunning } from '../support/processes.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { waitFor } from '../support/wait-for.ts'

let run: JobRun
let directory: string
const open: RunProcesses[] = []

beforeAll(async () => {
  run = (await claimedRun()).run
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((processes) => processes.stop(0)))
})

/** Children that run a script in a place of their own. */
function children(script: string, more: Partial<RunProcessesOptions> = {}) {
  directory = testDirectory()
  const log = new RecordedLog()
  const command = ['sh', '-c', `cd '${directory}'; ${script}`, 'sh'] as const
  const options: RunProcessesOptions = { command, logDirectory: join(directory, 'logs'), timeoutMs: 0, log, ...more }
  const processes = new RunProcesses(options)
  open.push(processes)
  return { processes, log }
}

const logPath = () => join(directory, 'logs/runs', `${run.id}.log`)

/** The number that the script has written to a file. */
async function written(name: string): Promise<number> {
  const path = join(directory, name)
  return await waitFor(name, () => existsSync(path) && (Number.parseInt(readFileSync(path, 'utf8'), 10) || false))
}

describe('an agent', () => {
  it('is given the id and the fence of its run and nothing else', async () => {
    const { processes } = children('echo "$@" > args; cat > stdin')
    expect(await processes.run(run)).toEqual({ reason: 'the agent ended: exit code 0', interrupted: false })
    expect(readFileSync(join(directory, 'args'), 'utf8')).toBe(`agent --run ${run.id} --fence 1\n`)
    expect(readFileSync(join(directory, 'stdin'), 'utf8')).toBe('')
  })

  it.each<[string, string, string]>([
    ['its exit code', 'exit 3', 'the agent ended: exit code 3'],
    ['the signal that ended it', 'kill -KILL $$', 'the agent ended: signal SIGKILL'],
    [
      'its last line',
      'echo one; echo two >&2; echo "infer: warning: no disk"; exit 1',
      'the agent ended: exit code 1: two',
    ],
    [
      'the last error that it named, before what to do about it',
      'echo "infer: warning: old"; echo "infer: no gateway answers" >&2; echo "  start one" >&2; exit 4',
      'the agent ended: exit code 4: infer: no gateway answers',
    ],
    ['no line of its protocol', `echo words; echo '{"type":"status"}'; exit 1`, 'the agent ended: exit code 1: words'],
  ])('is reported with %s', async (_, script, reason) => {
    expect((await children(script).processes.run(run)).reason).toBe(reason)
  })

  it('that cannot be started is reported', async () => {
    const { processes } = children('', { command: ['/nowhere/infer'] })
    expect(await processes.run(run)).toEqual({
      reason: 'the agent ended: spawn /nowhere/infer ENOENT',
      interrupted: false,
    })
  })

  it('takes what it has left behind with it', async () => {
    const { processes } = children('sleep 600 & echo $! > grandchild; exit 0')
    await processes.run(run)
    const pid = await written('grandchild')
    await waitFor('the end of the grandchild', () => !isRunning(pid))
  })
})

describe('the log of a run', () => {
  it('is kept when the run did not end well', async () => {
    await children('echo said; echo wrong >&2; exit 1').processes.run(run)
    expect(readFileSync(logPath(), 'utf8')).toBe('said\nwrong\n')
  })

  it('goes on with the next claim', async () => {
    const { processes } = children('echo again; exit 1')
    await processes.run(run)
    await processes.run({ ...run, fence: 2 })
    expect(readFileSync(logPath(), 'utf8')).toBe('again\nagain\n')
  })

  it('is removed when the run ended well', async () => {
    await children('echo said').processes.run(run)
    expect(existsSync(logPath())).toBe(false)
  })

  it('makes room for itself: the oldest of 200 goes', async () => {
    const { processes } = children('exit 1')
    await processes.run({ ...run, id: 'oldest' })
    const runs = join(directory, 'logs/runs')
    utimesSync(join(runs, 'oldest.log'), 1, 1)
    for (let n = 1; n < 200; n++) writeFileSync(join(runs, `${n}.log`), '')
    await processes.run(run)
    expect(readdirSync(runs)).toHaveLength(200)
    expect(existsSync(join(runs, 'oldest.log'))).toBe(false)
    expect(existsSync(logPath())).toBe(true)
  })

  it('is no condition: without a writable directory the agent runs all the same', async () => {
    const file = join(testDirectory(), 'file')
    writeFileSync(file, '')
    const { processes } = children('echo done > done; exit 1', { logDirectory: join(file, 'logs') })
    expect((await processes.run(run)).reason).toBe('the agent ended: exit code 1')
    expect(existsSync(join(directory, 'done'))).toBe(true)
  })
})

describe('the time limit', () => {
  it('ends the whole process group some time after the run should have ended itself', async () => {
    const { processes, log } = children('sleep 600 & echo $! > grandchild; trap "" TERM; wait; sleep 600', {
      timeoutMs: 1,
      timeoutMarginMs: 300,
    })
    const ended = processes.run(run)
    const grandchild = await written('grandchild')
    expect(await ended).toEqual({ reason: 'the agent ended: signal SIGKILL', interrupted: false })
    await waitFor('the end of the grandchild', () => !isRunning(grandchild))
    expect(log.messages('warn')).toEqual(['run ended by the daemon, it passed its time limit'])
  })

  it.each([0, 2 ** 40])('of %i ms ends nothing at once', async (timeoutMs) => {
    const { processes, log } = children('sleep 0.2; exit 0', { timeoutMs, timeoutMarginMs: 1 })
    expect((await processes.run(run)).reason).toBe('the agent ended: exit code 0')
    expect(log.lines).toEqual([])
  })
})

describe('stop', () => {
  it('asks the group to end, and says that it was interrupted', async () => {
    const { processes } = children('trap "echo asked; exit 7" TERM; echo $$ > pid; while :; do sleep 0.01; done')
    const ended = processes.run(run)
    await written('pid')
    await processes.stop(20_000)
    expect(await ended).toEqual({ reason: 'the agent ended: exit code 7: asked', interrupted: true })
  })

  it('kills what does not end in time, with all it has started', async () => {
    const { processes } = children('trap "" TERM; sleep 600 & echo $! > grandchild; while :; do sleep 0.01; done')
    const ended = processes.run(run)
    const grandchild = await written('grandchild')
    await processes.stop(50)
    expect(await ended).toEqual<RunExit>({ reason: 'the agent ended: signal SIGKILL', interrupted: true })
    await waitFor('the end of the grandchild', () => !isRunning(grandchild))
  })

  it('leaves nothing of two claims of one run', async () => {
    const { processes } = children('echo $$ > $5; exec sleep 600')
    const both = [processes.run(run), processes.run({ ...run, fence: 2 })]
    const pids = [await written('1'), await written('2')]
    await processes.stop(5_000)
    await Promise.all(both)
    expect(pids.map(isRunning)).toEqual([false, false])
  })
})
