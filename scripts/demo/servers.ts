import { lookUpBinary } from '../../test/support/binaries.ts'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { startRedis } from '../../test/support/redis-server.ts'
import { type Backend, DemoError } from './backend.ts'

const PROGRAMS = {
  postgres: { programs: ['initdb', 'postgres', 'setpriv'], install: 'PostgreSQL (Debian: apt-get install postgresql)' },
  redis: { programs: ['redis-server', 'setpriv'], install: 'Redis (Debian: apt-get install redis-server)' },
}

/** Starts a private server from the programs of this machine where the backend is one; how to reach it. */
export async function startServer(
  backend: Backend,
  directory: string,
): Promise<{ env: NodeJS.ProcessEnv; stop(): Promise<void> }> {
  if (backend !== 'postgres' && backend !== 'redis') return { env: {}, stop: async () => {} }
  const { programs, install } = PROGRAMS[backend]
  const missing = programs.find((program) => lookUpBinary(program) === undefined)
  if (missing !== undefined) throw new DemoError(`${missing} is not on this machine: install ${install}`)
  const { url, stop } = backend === 'postgres' ? await startPostgres(directory) : await startRedis(directory)
  const env = backend === 'postgres' ? { INFER_STORAGE_POSTGRES_URL: url } : { INFER_STORAGE_REDIS_URL: url }
  return { env, stop }
}
