import type { Settings } from '#config/schema.ts'
import type { SeenDaemon } from '#storage/contract/coordination.ts'
import type { Stores } from '#storage/contract/stores.ts'

/** A daemon that was not heard of for this long counts as gone. */
const SILENT_MS = 60_000

/** The daemons that were seen within the last 60 s of the store's clock. */
export async function liveDaemons(stores: Pick<Stores, 'coordination' | 'jobRuns'>): Promise<SeenDaemon[]> {
  const [daemons, now] = await Promise.all([stores.coordination.daemons(), stores.jobRuns.now()])
  return daemons.filter(({ lastBeat }) => now.getTime() - lastBeat.getTime() < SILENT_MS)
}

/** What to tell somebody whose jobs nobody would run; undefined when a daemon is alive. */
export async function daemonWarning(
  stores: Pick<Stores, 'coordination' | 'jobRuns'>,
  settings: Pick<Settings, 'tools'>,
): Promise<string | undefined> {
  if ((await liveDaemons(stores)).some(({ scheduler }) => scheduler)) return undefined
  const enable = settings.tools.schedule.enabled ? '' : 'infer config set tools.schedule.enabled true && '
  return `no daemon that runs jobs was seen for 60 s, so nothing will fire: start one with ${enable}infer channels-manager`
}
