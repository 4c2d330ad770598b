import { hostname } from 'node:os'
import { join } from 'node:path'
import { FileDocuments } from '#storage/jsonl/documents.ts'
import { statOf } from '#storage/jsonl/io-error.ts'

/** A daemon whose last beat is older than this, in ms, is dead: it beats every few seconds. */
const ALIVE_MS = 60_000

/** Daemons on the files backend that are alive and run jobs, as `host (pid N)`. Reads only. */
export async function fileDaemons(runsDir: string): Promise<string[]> {
  const directory = join(runsDir, 'coordination')
  if (!statOf(join(directory, 'presence'))) return []
  const alive: string[] = []
  for (const { host, pid, lastBeat, scheduler } of (await new FileDocuments(directory).list('presence/')).values()) {
    if (typeof lastBeat !== 'string' || scheduler === false) continue
    if (Date.now() - Date.parse(lastBeat) > ALIVE_MS) continue
    if (host === hostname() && typeof pid === 'number' && !isRunning(pid)) continue
    alive.push(`${String(host)} (pid ${String(pid)})`)
  }
  return alive
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
