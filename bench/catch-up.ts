import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import type { CatchUpInput, CatchUpOutput } from './children/catch-up.ts'
import type { Figure, Row } from './figure.ts'
import { DURABLE, makePlace, type Place } from './places.ts'
import { seedJobs } from './seed-jobs.ts'

const JOBS = 1_000
const SLOTS = 5
const WORK_MS = 5
const HOUR_MS = 3_600_000
/** From the first save to the moment at which every job is due once; saving all of them must take less. */
const DUE_AFTER_MS = 45_000
/** The age from which a fire counts as missed by an outage rather than as late, and a second. */
const MISSED_AFTER_MS = 11_000

/** Every job is due once while there is no scheduler; then one comes, in a process of its own. */
export const catchUp: Figure = {
  name: 'catch-up',
  description: `${JOBS.toLocaleString('en')} catch-ups after an outage, ${SLOTS} at a time`,
  target: `each exactly once, never more than ${SLOTS} at the same time`,
  async run() {
    await using stack = new AsyncDisposableStack()
    const due = Math.ceil((Date.now() + DUE_AFTER_MS) / 1_000) * 1_000
    const places: Place[] = []
    for (const backend of DURABLE) places.push(stack.use(await makePlace(backend)))
    const changes = { cronExpression: '@every 1h', createdAt: new Date(due - HOUR_MS) }
    await Promise.all(places.map(async (place) => await seedJobs(await place.open(), JOBS, changes)))
    if (Date.now() >= due) throw new Error(`saving the jobs took longer than ${DUE_AFTER_MS / 1_000} s`)
    await sleep(due + MISSED_AFTER_MS - Date.now())
    const rows: Row[] = []
    for (const place of places) rows.push(...(await afterOutage(place)))
    return rows
  },
}

async function afterOutage(place: Place): Promise<Row[]> {
  const { options } = place
  if (options.type === 'memory') throw new Error('memory does not outlive an outage')
  const input: CatchUpInput = { options, maxConcurrentRuns: SLOTS, runs: JOBS, workMs: WORK_MS }
  await using child = new Child('catch-up', input)
  const { started, most, tookMs } = await child.next<CatchUpOutput>()
  const runs = await (await place.open()).jobRuns.list({ limit: 0 })
  const done = runs.filter(({ trigger, state }) => trigger === 'catch-up' && state === 'succeeded')
  const once = new Set(done.map(({ jobId }) => jobId)).size === JOBS && runs.length === JOBS && started === JOBS
  const backend = options.type
  return [
    {
      what: 'caught up',
      backend,
      unit: 'runs',
      ours: done.length,
      target: `= ${JOBS.toLocaleString('en')}`,
      ok: once && done.length === JOBS,
      note: `${started} started, ${runs.length} recorded, ${(tookMs / 1_000).toFixed(1)} s`,
    },
    {
      what: 'at the same time',
      backend,
      unit: 'runs',
      ours: most,
      target: `<= ${SLOTS}`,
      ok: most <= SLOTS,
    },
  ]
}
