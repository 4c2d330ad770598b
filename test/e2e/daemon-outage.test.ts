import { describe, expect, it } from 'vitest'
import { rawPostgres, testDirectory } from '../support/backends.ts'
import { type DaemonProcess, makeSite, type Site, saveJob } from '../support/daemon.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { startRedis } from '../support/redis-server.ts'
import { serverUrl } from '../support/servers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

/** A daemon with a job of every second that has run once. */
async function busy(site: Site): Promise<DaemonProcess> {
  const daemon = await site.daemon()
  await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
  await waitFor('a run', async () => (await succeeded(site)).length > 0)
  return daemon
}

async function succeeded(site: Site) {
  return (await site.runs('often')).filter(({ state }) => state === 'succeeded')
}

/** Two runs of fires from that moment on have succeeded, and no moment has two records. */
async function goesOn(site: Site, from: Date): Promise<void> {
  await waitFor(
    'two more runs',
    async () => (await succeeded(site)).filter(({ scheduledFor }) => scheduledFor > from).length >= 2,
    30_000,
  )
  const moments = (await site.runs('often')).map(({ scheduledFor }) => scheduledFor.getTime())
  expect(new Set(moments).size).toBe(moments.length)
}

const errors = (daemon: DaemonProcess) =>
  daemon.lines.filter(({ level }) => level === 'error').map(({ message }) => message)

describe.each(['postgres', 'redis'] as const)('a daemon whose %s cannot be reached', (type) => {
  it('says so once, and goes on when it can', async () => {
    const server = new URL(await serverUrl(type))
    await using proxy = await TcpProxy.open({ host: server.hostname, port: Number(server.port) })
    const through = (url: string) => {
      const address = new URL(url)
      address.host = `127.0.0.1:${proxy.port}`
      return address.href
    }
    await using site = await makeSite(type, { through })
    const daemon = await busy(site)
    const { jobRuns } = site.stores
    await proxy.cut()
    await daemon.logs(/^the store cannot be used at present/)
    const cutAt = await jobRuns.now()
    await waitFor('some fires', async () => (await jobRuns.now()).getTime() - cutAt.getTime() > 3_000)
    const restoredAt = await jobRuns.now()
    await proxy.restore()
    await daemon.logs(/^the store can be used again/)
    await goesOn(site, restoredAt)
    expect(await daemon.stop()).toBe(0)
    expect((await site.runs('often')).some(({ state }) => state === 'missed')).toBe(true)
    expect(errors(daemon)).toEqual([expect.stringMatching(/^the store cannot be used at present/)])
  })
})

describe('a daemon goes on', () => {
  it('when PostgreSQL crashes and restarts', async () => {
    const server = await startPostgres(testDirectory())
    try {
      await using site = await makeSite('postgres', { url: server.url })
      const daemon = await busy(site)
      const client = await rawPostgres(server)
      const { rows } = await client.query<{ pid: number; now: Date }>('select pg_backend_pid() as pid, now()')
      // One backend killed is a crash for the whole server: it ends all of them and recovers.
      process.kill(rows[0]?.pid ?? 0, 'SIGKILL')
      await goesOn(site, new Date((rows[0]?.now.getTime() ?? 0) + 1_000))
      expect(await daemon.stop()).toBe(0)
    } finally {
      await server.stop()
    }
  })

  it('when a Redis that persists is killed and started again', async () => {
    const directory = testDirectory()
    const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
    const first = await startRedis(directory, { args, keep: true })
    const port = Number(new URL(first.url).port)
    let second: Awaited<ReturnType<typeof startRedis>> | undefined
    try {
      await using site = await makeSite('redis', { url: first.url })
      const daemon = await busy(site)
      await first.stop()
      await daemon.logs(/^the store cannot be used at present/)
      second = await startRedis(directory, { args, port })
      await goesOn(site, await waitFor('Redis', () => site.stores.jobRuns.now().catch(() => undefined)))
      expect(await daemon.stop()).toBe(0)
      expect(errors(daemon)).toHaveLength(1)
    } finally {
      await (second ?? first).stop()
    }
  })
})
