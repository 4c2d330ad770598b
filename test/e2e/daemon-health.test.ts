import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { channelLease, telegramAccount } from '#channels/account.ts'
import { cliPlace } from '../support/cli.ts'
import { type DaemonProcess, makeSite, type Site, saveJob } from '../support/daemon.ts'
import { serverUrl } from '../support/servers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'

let site: Site | undefined
afterEach(async () => {
  await site?.[Symbol.asyncDispose]()
  site = undefined
})

const FREE_PORT = ['--health-port', '0']

/** Where a daemon serves its health, from its log. */
async function urlOf(daemon: DaemonProcess): Promise<string> {
  return String((await daemon.logs(/^health and metrics are served/)).url)
}

async function readiness(url: string): Promise<{ status: number; ready: boolean; reason?: string }> {
  const response = await fetch(`${url}/readyz`)
  return { status: response.status, ...((await response.json()) as { ready: boolean; reason?: string }) }
}

/** The samples of the page, by name and labels. */
async function metrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => line.split(' ') as [string, string]).map(([name, value]) => [name, Number(value)]))
}

describe('infer channels-manager --health-port', () => {
  it('tells how the daemon is, counts what it does, and is gone with it', async () => {
    site = await makeSite('sqlite')
    const daemon = await site.daemon({}, FREE_PORT)
    const url = await urlOf(daemon)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(await readiness(url)).toEqual({ status: 200, ready: true })
    await saveJob(site, { id: 'paused', prompt: 'say hello', enabled: false })
    await saveJob(site, { id: 'once', prompt: 'say hello' }, { inSeconds: 1 })
    const samples = await waitFor('a run that was counted', async () => {
      const found = await metrics(url)
      return found.get('infer_runs_total{state="succeeded"}') === 1 && found
    })
    expect(Object.fromEntries(samples)).toMatchObject({
      infer_jobs: 2,
      infer_jobs_enabled: 1,
      infer_jobs_failing: 0,
      infer_jobs_due: 0,
      infer_claim_delay_seconds_count: 1,
      'infer_claim_delay_seconds_bucket{le="+Inf"}': 1,
      'infer_runs_total{state="failed"}': 0,
      infer_watch_lag_seconds: 0,
      infer_store_errors_total: 0,
      infer_scheduler_behind: 0,
    })
    expect([...samples.keys()].filter((name) => name.startsWith('infer_build_info{version="'))).toHaveLength(1)
    expect(await daemon.stop()).toBe(0)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('is alive but not ready while the store is away, and ready again when it is back', async () => {
    const server = new URL(await serverUrl('postgres'))
    await using proxy = await TcpProxy.open({ host: server.hostname, port: Number(server.port) })
    const through = (url: string) => {
      const address = new URL(url)
      address.host = `127.0.0.1:${proxy.port}`
      return address.href
    }
    site = await makeSite('postgres', { through })
    const daemon = await site.daemon({}, FREE_PORT)
    const url = await urlOf(daemon)
    expect(await readiness(url)).toEqual({ status: 200, ready: true })
    await proxy.cut()
    const away = await waitFor('503', async () => {
      const found = await readiness(url)
      return found.status === 503 && found
    })
    expect(away).toMatchObject({ ready: false, reason: expect.stringContaining('PostgreSQL') })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    await waitFor('the lag', async () => ((await metrics(url)).get('infer_watch_lag_seconds') ?? 0) > 0)
    expect((await metrics(url)).get('infer_store_errors_total')).toBeGreaterThan(0)
    await proxy.restore()
    await waitFor('200', async () => (await readiness(url)).status === 200)
    expect((await metrics(url)).get('infer_watch_lag_seconds')).toBe(0)
    expect(await daemon.stop()).toBe(0)
  })

  it('says that it is stopping while agents have time', async () => {
    site = await makeSite('sqlite')
    const daemon = await site.daemon({}, FREE_PORT)
    const url = await urlOf(daemon)
    await saveJob(site, { id: 'slow', prompt: 'stream slowly' })
    await waitFor('the run', async () => (await metrics(url)).get('infer_runs_active') === 1)
    daemon.signal('SIGTERM')
    await daemon.logs(/^stopping$/)
    expect(await readiness(url)).toEqual({ status: 503, ready: false, reason: 'the daemon is stopping' })
    expect(await daemon.end()).toBe(0)
  })

  it('ends with 1 and a sentence when the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    try {
      await waitFor('the port', () => taken.listening)
      const address = taken.address()
      const port = typeof address === 'object' && address ? address.port : 0
      using place = cliPlace({ INFER_TOOLS_SCHEDULE_ENABLED: 'true' })
      const { code, stderr } = await place.run(['channels-manager', '--health-port', String(port)])
      expect(stderr).toContain(`infer: Port ${port} of 127.0.0.1 is in use.\n`)
      expect(code).toBe(1)
    } finally {
      taken.close()
    }
  })

  it.each(['65536', '-1', 'http', '80.5', ''])('refuses the port "%s"', async (port) => {
    using place = cliPlace({ INFER_TOOLS_SCHEDULE_ENABLED: 'true' })
    const { code, stderr } = await place.run(['channels-manager', `--health-port=${port}`])
    expect(stderr).toMatch(/^infer: .*--health-port/)
    expect(code).toBe(2)
  })

  it('refuses a host without a port', async () => {
    using place = cliPlace({ INFER_TOOLS_SCHEDULE_ENABLED: 'true' })
    const { code, stderr } = await place.run(['channels-manager', '--health-host', '0.0.0.0'])
    expect(stderr).toMatch(/--health-host needs --health-port/)
    expect(code).toBe(2)
  })
})

describe('infer status', () => {
  it('says which daemon serves a channel that is on, and that none does', async () => {
    site = await makeSite('sqlite')
    const { coordination } = site.stores
    const env = {
      ...site.env,
      INFER_CHANNELS_ENABLED: 'true',
      INFER_CHANNELS_TELEGRAM_ENABLED: 'true',
      INFER_CHANNELS_TELEGRAM_BOT_TOKEN: TOKEN,
      INFER_CHANNELS_TELEGRAM_ALLOWED_USERS: '42',
    }
    const alone = await site.place.run(['status', '--json'], { env })
    expect(alone.code).toBe(1)
    expect(JSON.parse(alone.stdout)).toMatchObject({
      problems: ['The channel telegram is on, and no daemon serves it: start one with infer channels-manager.'],
      channels: [{ name: 'telegram', served_by: null }],
    })

    const at = new Date()
    const daemon = { id: 'one', host: 'host-1', pid: 7, version: '1.0.0', tzdata: '2026a', timezone: 'UTC' }
    await coordination.beat({ ...daemon, since: at, clock: at, scheduler: false, behind: false })
    await coordination.acquireLease(channelLease(telegramAccount(TOKEN)), 'one')
    const served = await site.place.run(['status', '--json'], { env })
    expect(JSON.parse(served.stdout)).toMatchObject({
      problems: [],
      daemons: [{ id: 'one', scheduler: false }],
      channels: [{ name: 'telegram', served_by: 'one' }],
    })
    expect([served.code, served.stderr]).toEqual([0, ''])
    const { stdout } = await site.place.run(['status'], { env })
    expect(stdout).toMatch(/^daemons: +one on host-1 \(pid 7\), started .*, runs no jobs$/m)
    expect(stdout).toMatch(/^channels: +telegram, served by one$/m)

    const broken = await site.place.run(['status', '--json'], {
      env: { ...env, INFER_CHANNELS_TELEGRAM_BOT_TOKEN: '' },
    })
    expect(JSON.parse(broken.stdout).problems).toEqual([expect.stringContaining('telegram.bot_token is empty')])
  })

  it('lists a daemon that is behind, and warns of clocks and versions that differ', async () => {
    site = await makeSite('sqlite')
    const { coordination } = site.stores
    const at = new Date()
    const base = { pid: 7, tzdata: '2026a', timezone: 'UTC', scheduler: true }
    const one = { ...base, id: 'one', host: 'host-1', version: '1.0.0', since: at, clock: new Date(), behind: false }
    await coordination.beat(one)
    const env = site.env
    const well = await site.place.run(['status', '--json'], { env })
    expect([well.code, JSON.parse(well.stdout).problems, well.stderr]).toEqual([0, [], ''])

    const since = new Date(at.getTime() + 1_000)
    const clock = new Date(Date.now() + 60_000)
    await coordination.beat({ ...one, id: 'two', host: 'host-2', version: '0.9.0', since, clock, behind: true })
    const { code, stdout, stderr } = await site.place.run(['status', '--json'], { env })
    const { problems, daemons } = JSON.parse(stdout)
    expect(problems).toEqual([
      'The daemon on host-2 (pid 7) is behind: a due fire was unclaimed for 60 s beside a free slot; see its log.',
    ])
    expect(code).toBe(1)
    expect(daemons).toMatchObject([
      { id: 'one', behind: false },
      { id: 'two', behind: true },
    ])
    expect(Math.abs(daemons[0].skew_ms)).toBeLessThan(5_000)
    expect(daemons[1].skew_ms).toBeGreaterThan(50_000)
    expect(stderr).toMatch(/^infer: warning: The clock of host-2 is \d+ s ahead of the store's: set it by NTP\.$/m)
    expect(stderr).toMatch(/^infer: warning: .*host-2 has infer 0\.9\.0, host-1 1\.0\.0: install one version/im)
    expect(stderr.split('\n')).toHaveLength(3)
  })
})
