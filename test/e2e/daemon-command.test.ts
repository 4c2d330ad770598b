import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { runDaemon } from '#daemon/daemon.ts'
import { cliEnvironment, cliPlace, INFER } from '../support/cli.ts'
import { makeSite, type Site, saveJob } from '../support/daemon.ts'
import { isRunning } from '../support/processes.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { waitFor } from '../support/wait-for.ts'

let site: Site | undefined
afterEach(async () => {
  await site?.[Symbol.asyncDispose]()
  site = undefined
})

describe('infer channels-manager refuses', () => {
  it('a storage that no other process sees', async () => {
    using place = cliPlace({ INFER_TOOLS_SCHEDULE_ENABLED: 'true', INFER_STORAGE_TYPE: 'memory' })
    expect(await place.run(['channels-manager'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'infer: storage.type memory ends with each process, so no other process could schedule a job.\n' +
        '  infer config set storage.type jsonl, or postgres or redis for several hosts\n',
    })
  })

  it('to run for nothing', async () => {
    using place = cliPlace()
    expect(await place.run(['channels-manager'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'infer: There is nothing to do: tools.schedule.enabled is false, and no channel is on.\n' +
        '  infer config set tools.schedule.enabled true, or set enabled and telegram.enabled in channels.yaml\n',
    })
  })

  it('to start without its store', async () => {
    using place = cliPlace({
      INFER_TOOLS_SCHEDULE_ENABLED: 'true',
      INFER_STORAGE_TYPE: 'redis',
      INFER_STORAGE_REDIS_URL: 'redis://127.0.0.1:1',
    })
    const { code, stderr } = await place.run(['channels-manager'])
    expect(code).toBe(4)
    expect(stderr).toMatch(/^infer: .*127\.0\.0\.1:1/)
  })
})

describe('a daemon that is stopped in the middle of a run', () => {
  const running = async ({ runs }: Site) =>
    await waitFor('the run', async () => {
      const [run] = await runs('slow')
      return run?.state === 'running' && run
    })

  it('ends it at the second signal, as interrupted', async () => {
    site = await makeSite('sqlite')
    const daemon = await site.daemon()
    await saveJob(site, { id: 'slow', prompt: 'stream slowly' })
    const { pid } = await running(site)
    daemon.signal('SIGTERM')
    await daemon.logs(/^stopping$/)
    daemon.signal('SIGINT')
    expect(await daemon.end()).toBe(0)
    expect(isRunning(pid ?? 0)).toBe(false)
    expect(await site.runs('slow')).toMatchObject([{ state: 'interrupted', reason: 'Interrupted (SIGTERM).' }])
  })

  it('ends it when its time is over', async () => {
    site = await makeSite('sqlite')
    const { home, cwd } = site.place
    const log = new RecordedLog()
    const stop = new AbortController()
    const env = Object.entries(cliEnvironment(home, site.env)).map(([name, value]) => `${name}=${value}`)
    const daemon = runDaemon(
      {
        stores: site.stores,
        host: 'host',
        version: '1.0.0',
        log,
        command: ['env', '-C', cwd, '-i', ...env, process.execPath, INFER],
        logDirectory: join(home, 'logs'),
        schedule: { maxConcurrentRuns: 1, catchUpWindowMs: 60_000, runTimeoutMs: 60_000, keepRuns: 10 },
        channels: undefined,
        stopGraceMs: 100,
      },
      stop.signal,
      new AbortController().signal,
    )
    await saveJob(site, { id: 'slow', prompt: 'stream slowly' })
    const { pid } = await running(site)
    stop.abort()
    await daemon
    expect(isRunning(pid ?? 0)).toBe(false)
    expect((await site.runs('slow')).map(({ state }) => state)).toEqual(['interrupted'])
    expect(log.messages('info').slice(-1)).toEqual(['stopped'])
  })
})

describe('a daemon on one host', () => {
  it('keeps the last good version of a file that does not parse, and leaves the file alone', async () => {
    site = await makeSite('jsonl')
    const daemon = await site.daemon()
    await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
    const { runs } = site
    await waitFor('a run', async () => (await runs('often')).length > 0)
    const path = join(site.place.home, '.infer/schedules/often.yaml')
    const broken = `${readFileSync(path, 'utf8')}prompt: "again\n`
    writeFileSync(path, broken)
    const said = await daemon.logs(/^job cannot be read, its last good version stays in force: .*often\.yaml/)
    expect(said.message).toMatch(/line \d+, column \d+/)
    const before = (await runs('often')).length
    await waitFor('two more runs', async () => (await runs('often')).length > before + 2)
    expect(await daemon.stop()).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(broken)
  })

  it('runs where no log can be written', async () => {
    site = await makeSite('sqlite')
    mkdirSync(join(site.place.home, 'file'), { recursive: true })
    writeFileSync(join(site.place.home, 'file/logs'), '')
    const daemon = await site.daemon({ INFER_LOGGING_DIR: join(site.place.home, 'file/logs/here') })
    await saveJob(site, { id: 'once', prompt: 'say hello' }, { inSeconds: 1 })
    const { runs } = site
    await waitFor('the run', async () => (await runs('once'))[0]?.state === 'succeeded')
    expect(await daemon.stop()).toBe(0)
    expect(daemon.lines.filter(({ message }) => message.startsWith('no log file'))).toHaveLength(1)
  })
})
