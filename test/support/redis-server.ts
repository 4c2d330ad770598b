import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findBinary } from './binaries.ts'
import { freePort, startBound, stopServer, type TestServer, untilReady } from './test-server.ts'

/** Stands in every URL, so that tests can look for it where it must not show. */
export const REDIS_PASSWORD = 'planted-redis-secret'

/** Starts a Redis of our own below `directory`, without persistence unless `args` say otherwise. */
export async function startRedis(
  directory: string,
  options: { name?: string; port?: number; args?: readonly string[]; keep?: boolean } = {},
): Promise<TestServer> {
  const home = join(directory, options.name ?? 'redis')
  mkdirSync(home, { recursive: true })
  const port = options.port ?? (await freePort())
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', REDIS_PASSWORD, '--databases', '64']
  const args = [...settings, '--dir', home, ...(options.args ?? ['--save', '', '--appendonly', 'no'])]
  const server = startBound(findBinary('redis-server'), args, { cwd: home, signal: 'KILL' })
  await untilReady(server, 'Redis', async () => {
    const client = new Redis(port, '127.0.0.1', {
      password: REDIS_PASSWORD,
      lazyConnect: true,
      retryStrategy: () => null,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.ping()
    } finally {
      client.disconnect()
    }
  })
  return {
    url: `redis://:${REDIS_PASSWORD}@127.0.0.1:${port}`,
    pid: server.pid ?? 0,
    async stop() {
      await stopServer(server, 'SIGKILL')
      if (!options.keep) await rm(home, { recursive: true, force: true })
    },
  }
}
