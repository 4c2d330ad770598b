import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripEnvironment } from './environment.ts'
import { serveServers } from './servers.ts'

const PREFIX = 'infer-test-'
/** Of the processes that tests start: their HOME, where it would be, is temporary. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/node-compile', import.meta.url))

/** Once per run: a directory for everything the run makes, and the servers that tests ask for. */
export default async function setup(): Promise<() => Promise<void>> {
  stripEnvironment()
  sweep()
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  // PostgreSQL runs as another user when we are root.
  chmodSync(directory, 0o755)
  process.env.INFER_TEST_DIR = directory
  process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE
  const servers = await serveServers(directory)
  return async () => {
    await servers[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Removes directories of runs that were killed. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN
    if (pid > 0 && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
