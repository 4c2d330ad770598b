import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import type { Seen } from './children/watch.ts'
import { type Figure, type Row, timeRow } from './figure.ts'
import { median, quantile, sharedClock } from './measure.ts'
import { DURABLE, type Durable, makePlace } from './places.ts'
import { job } from './samples.ts'

const LIMITS: Record<Durable, number> = { jsonl: 50, sqlite: 300, postgres: 20, redis: 20 }
const SAVES = 100
/** Half of the saves make a job, half change one. */
const JOBS = SAVES / 2
/** The mean pause between two saves, in ms. It varies, so that no save is in step with a poll. */
const PAUSE_MS = 60
/** Saves before the first that counts: they end when the first event shows that the hints arrive. */
const WARM_UP = 3
const PATIENCE_MS = 20_000

/** From the call of `save` (so the write itself counts) to the event in another process, by the clock both share. */
export const watchLatency: Figure = {
  name: 'watch-latency',
  description: `from save to the event of a watch in another process, p95 of ${SAVES}`,
  target: Object.entries(LIMITS)
    .map(([backend, limit]) => `${backend} ${limit} ms`)
    .join(', '),
  async run() {
    const rows: Row[] = []
    for (const backend of DURABLE) rows.push(await latency(backend))
    return rows
  },
}

async function latency(backend: Durable): Promise<Row> {
  await using place = await makePlace(backend)
  const { scheduledJobs } = await place.open()
  await using child = new Child('watch', place.options)
  const saved = new Map<string, number>()
  const save = async (id: string, prompt: string) => {
    saved.set(prompt, sharedClock())
    await scheduledJobs.save(job(id, { prompt }))
  }
  while ((await child.next<Seen>()) !== 'synced');
  for (let n = 0; n < WARM_UP; n++) {
    await save('warm-up', `warm-up ${n}`)
    await told(child, saved, 1)
  }
  const all = told(child, saved, SAVES)
  all.catch(() => {})
  for (let n = 0; n < SAVES; n++) {
    await sleep(PAUSE_MS * (0.5 + Math.random()))
    await save(`job-${n % JOBS}`, `save ${n}`)
  }
  const times = await Promise.race([all, late(backend)])
  const note = `median ${median(times).toFixed(1)} ms`
  return timeRow({ what: 'save to event, p95', backend, ours: quantile(times, 0.95), note }, LIMITS[backend])
}

/** Waits for the events of so many saves: how long each took, in ms. */
async function told(child: Child, saved: Map<string, number>, count: number): Promise<number[]> {
  const times: number[] = []
  while (times.length < count) {
    const seen = await child.next<Seen>()
    const start = seen === 'synced' ? undefined : saved.get(seen.prompt)
    if (seen !== 'synced' && start !== undefined) times.push(seen.at - start)
  }
  return times
}

async function late(backend: Durable): Promise<never> {
  await sleep(PATIENCE_MS, undefined, { ref: false })
  throw new Error(`${backend}: events of some saves did not come within ${PATIENCE_MS / 1_000} s`)
}
