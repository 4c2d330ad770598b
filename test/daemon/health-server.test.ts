import { describe, expect, it } from 'vitest'
import { type HealthServerOptions, startHealthServer } from '#daemon/health-server.ts'
import { Readiness } from '#daemon/readiness.ts'
import { freePort } from '../support/test-server.ts'

async function start(more: Partial<HealthServerOptions> = {}) {
  const options = { host: '127.0.0.1', port: 0, notReady: async () => undefined, metrics: async () => 'infer_jobs 1\n' }
  return await startHealthServer({ ...options, ...more })
}

describe('the health server', () => {
  it('serves the three pages, whatever the query', async () => {
    await using server = await start()
    const get = async (path: string) => {
      const response = await fetch(`${server.url}${path}`)
      return [response.status, response.headers.get('content-type'), await response.text()]
    }
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect(await get('/healthz')).toEqual([200, 'text/plain; charset=utf-8', 'ok\n'])
    expect(await get('/readyz?verbose')).toEqual([200, 'application/json', '{"ready":true}\n'])
    expect(await get('/metrics')).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', 'infer_jobs 1\n'])
  })

  it('says why it is not ready', async () => {
    await using server = await start({ notReady: async () => 'the store is "away"' })
    const response = await fetch(`${server.url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ ready: false, reason: 'the store is "away"' })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it.each(['/', '/health', '/metrics/', '/__proto__', '/constructor'])('does not know %s', async (path) => {
    await using server = await start()
    expect((await fetch(`${server.url}${path}`)).status).toBe(404)
  })

  it('takes no other method than GET and HEAD', async () => {
    await using server = await start()
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(`${server.url}/healthz`, { method })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
    const head = await fetch(`${server.url}/healthz`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('answers 500 when a page cannot be made, and lives on', async () => {
    await using server = await start({ metrics: () => Promise.reject(new Error('no figures')) })
    const response = await fetch(`${server.url}/metrics`)
    expect([response.status, await response.text()]).toEqual([500, 'no figures\n'])
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('refuses a port that is in use, and an address that is not ours', async () => {
    await using server = await start()
    const port = Number(new URL(server.url).port)
    await expect(start({ port })).rejects.toMatchObject({
      exitCode: 1,
      message: `port ${port} of 127.0.0.1 is in use`,
    })
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({
      exitCode: 1,
      message: '192.0.2.1 is no address of this machine',
    })
  })

  it('ends with open connections, and frees the port', async () => {
    const port = await freePort()
    let asked: (() => void) | undefined
    const asking = new Promise<void>((resolve) => {
      asked = resolve
    })
    const server = await start({
      port,
      notReady: async () => {
        asked?.()
        return await new Promise<string>(() => {})
      },
    })
    const hanging = fetch(`${server.url}/readyz`).catch(() => 'broken')
    await asking
    await server[Symbol.asyncDispose]()
    expect(await hanging).toBe('broken')
    await using _again = await start({ port })
  })
})

describe('readiness', () => {
  const READY = {
    synced: () => true,
    stopping: () => false,
    health: async () => {},
    outage: (): string | undefined => undefined,
  }

  it('is there when the jobs are in sync and the store answers', async () => {
    expect(await new Readiness(READY).notReady()).toBeUndefined()
  })

  it('is not there otherwise', async () => {
    const reason = (more: Partial<typeof READY>) => new Readiness({ ...READY, ...more }).notReady()
    expect(await reason({ synced: () => false })).toBe('the jobs are not in sync with the store')
    expect(await reason({ stopping: () => true })).toBe('the daemon is stopping')
    expect(await reason({ health: () => Promise.reject(new Error('gone')), synced: () => false })).toBe('gone')
    expect(await reason({ outage: () => 'it only lets one read' })).toBe('it only lets one read')
  })

  it('asks the store once for all that ask at the same time, and again later', async () => {
    let asked = 0
    const readiness = new Readiness({
      ...READY,
      health: async () => {
        asked += 1
      },
    })
    await Promise.all([readiness.notReady(), readiness.notReady(), readiness.notReady()])
    expect(asked).toBe(1)
    await readiness.notReady()
    expect(asked).toBe(2)
  })
})
