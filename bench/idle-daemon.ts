import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DaemonProcess } from './daemon-process.ts'
import type { Figure, Row } from './figure.ts'
import { install } from './installation.ts'
import { DURABLE, type Durable, makeDirectory, makePlace } from './places.ts'
import { seedJobs } from './seed-jobs.ts'

const JOBS = 10_000
const CPU_LIMIT = 1
const MEMORY_LIMIT_MIB = 120
/** As long as the watch's pause between two lists of all jobs, so that each window holds one of those. */
const WINDOW_MS = 60_000
/** From the sync to the window: what starting has left behind is not part of idling. */
const SETTLE_MS = 5_000
const SAMPLE_MS = 1_000

/**
 * `infer channels-manager`, bundled and in a process of its own, over jobs that fire once a year. The four daemons idle
 * at the same time, each measured by its own counters: that costs one window instead of four. Memory is the most
 * that was resident in the window.
 */
export const idleDaemon: Figure = {
  name: 'idle-daemon',
  description: `one daemon with ${JOBS.toLocaleString('en')} idle jobs over ${WINDOW_MS / 1_000} s`,
  target: `under ${CPU_LIMIT} % of a core and ${MEMORY_LIMIT_MIB} MiB on each durable backend`,
  async run() {
    const infer = await install(join(makeDirectory(), 'package'))
    await using stack = new AsyncDisposableStack()
    const daemons: { backend: Durable; daemon: DaemonProcess }[] = []
    for (const backend of DURABLE) {
      const place = stack.use(await makePlace(backend))
      await seedJobs(await place.open(), JOBS, { cronExpression: '0 0 1 1 *', timezone: 'UTC' })
      const daemon = stack.use(new DaemonProcess(infer, place.options))
      await daemon.synced()
      daemons.push({ backend, daemon })
    }
    await sleep(SETTLE_MS)
    return (await Promise.all(daemons.map(({ backend, daemon }) => idle(backend, daemon)))).flat()
  },
}

async function idle(backend: Durable, daemon: DaemonProcess): Promise<Row[]> {
  const begin = { at: performance.now(), cpu: daemon.cpuMs() }
  let most = 0
  while (performance.now() - begin.at < WINDOW_MS) {
    await sleep(SAMPLE_MS)
    most = Math.max(most, daemon.resident().now)
  }
  const used = daemon.cpuMs() - begin.cpu
  const share = (used / (performance.now() - begin.at)) * 100
  const { now, peak } = daemon.resident()
  return [
    {
      what: 'CPU',
      backend,
      unit: '% of a core',
      ours: Math.round(share * 100) / 100,
      target: `< ${CPU_LIMIT} %`,
      ok: share < CPU_LIMIT,
      note: `${used} ms in ${WINDOW_MS / 1_000} s`,
    },
    {
      what: 'memory',
      backend,
      unit: 'MiB',
      ours: Math.round(most * 10) / 10,
      target: `< ${MEMORY_LIMIT_MIB} MiB`,
      ok: most < MEMORY_LIMIT_MIB,
      note: `${now.toFixed(0)} MiB at the end, peak ${peak.toFixed(0)} MiB with the start`,
    },
  ]
}
