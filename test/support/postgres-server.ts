import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { findBinary } from './binaries.ts'
import { freePort, startBound, stopServer, type TestServer, untilReady } from './test-server.ts'

/** Stands in every URL, so that tests can look for it where it must not show. */
export const POSTGRES_PASSWORD = 'planted-postgres-secret'

/**
 * Starts a PostgreSQL of our own below `directory`; as user postgres when we are root, which it refuses. It syncs
 * nothing to disk unless `overrides` of its settings say otherwise.
 */
export async function startPostgres(
  directory: string,
  overrides: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const root = process.getuid?.() === 0
  const home = join(directory, 'postgres')
  mkdirSync(home, { recursive: true })
  chmodSync(directory, 0o755)
  if (root) execFileSync('chown', ['postgres:', home])
  const drop = root ? [findBinary('setpriv'), '--reuid=postgres', '--regid=postgres', '--init-groups'] : []
  const data = join(home, 'data')
  const init = [findBinary('initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N']
  const [command = '', ...args] = [...drop, ...init]
  execFileSync(command, args, { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: '200',
    shared_buffers: '64MB',
    autovacuum: 'off',
    ...overrides,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = startBound(findBinary('postgres'), ['-D', data, ...flags], {
    cwd: home,
    signal: 'QUIT',
    ...(root && { user: 'postgres' }),
  })
  const url = `postgres://postgres:${POSTGRES_PASSWORD}@127.0.0.1:${port}/postgres`
  await untilReady(server, 'PostgreSQL', async () => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    await client.end()
  })
  return {
    url,
    pid: server.pid ?? 0,
    async stop() {
      await stopServer(server, 'SIGQUIT')
      await rm(home, { recursive: true, force: true })
    },
  }
}
