import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { startPostgres } from './postgres-server.ts'
import { startRedis } from './redis-server.ts'
import type { TestServer } from './test-server.ts'

export type ServerName = 'postgres' | 'redis'

const SOCKET = 'INFER_TEST_SERVERS'
const OVERRIDES = { postgres: 'INFER_TEST_POSTGRES_URL', redis: 'INFER_TEST_REDIS_URL' } as const

/**
 * Starts the servers of a run when the first test asks for one, and only then. Tests run in processes of their own:
 * they ask over a socket in `directory`.
 */
export async function serveServers(directory: string): Promise<AsyncDisposable> {
  const started = new Map<ServerName, Promise<TestServer>>()
  const start = (name: ServerName) => {
    const server = started.get(name) ?? (name === 'postgres' ? startPostgres(directory) : startRedis(directory))
    started.set(name, server)
    return server
  }
  const broker = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (name) => {
      start(name.toString() as ServerName).then(
        (server) => socket.end(server.url),
        (error: unknown) => socket.end(`error: ${String(error)}`),
      )
    })
  })
  const path = `${directory}/servers.sock`
  broker.listen(path)
  await once(broker, 'listening')
  process.env[SOCKET] = path
  return {
    async [Symbol.asyncDispose]() {
      broker.close()
      const servers = await Promise.allSettled(started.values())
      await Promise.all(servers.map((server) => (server.status === 'fulfilled' ? server.value.stop() : undefined)))
    },
  }
}

/** The URL of the run's server, or of the one that `INFER_TEST_POSTGRES_URL` or `INFER_TEST_REDIS_URL` names. */
export async function serverUrl(name: ServerName): Promise<string> {
  const given = process.env[OVERRIDES[name]]
  if (given) return given
  const path = process.env[SOCKET]
  if (!path) throw new Error('no test servers: the tests run under vitest with test/support/global-setup.ts')
  const socket = connect(path)
  socket.write(name)
  const answer = await text(socket)
  if (answer.startsWith('error: ')) throw new Error(answer)
  return answer
}
