import type { Stores } from '#storage/contract/stores.ts'
import { Child } from './child.ts'
import type { ClaimInput, Fire } from './children/claim.ts'
import type { Figure, Row } from './figure.ts'
import { DURABLE, type Durable, makePlace } from './places.ts'
import { job } from './samples.ts'

const PROCESSES = 5
const JOBS = 100
const FIRES_PER_JOB = 10

/**
 * Each of the processes tries to claim each of the fires, all in the same order: the first fire of every job, then the
 * second. So every fire is contended for, and none may be passed over. Runs stay open (overlap is `allow`).
 */
export const claimRace: Figure = {
  name: 'claim-race',
  description: `${PROCESSES} processes race for ${(JOBS * FIRES_PER_JOB).toLocaleString('en')} fires`,
  target: 'every fire claimed exactly once',
  async run() {
    const rows: Row[] = []
    for (const backend of DURABLE) rows.push(await race(backend))
    return rows
  },
}

async function race(backend: Durable): Promise<Row> {
  await using place = await makePlace(backend)
  const stores = await place.open()
  const fires = await dueFires(stores)
  await using children = new AsyncDisposableStack()
  const racers = Array.from({ length: PROCESSES }, (_, index) => {
    const input: ClaimInput = { options: place.options, owner: `daemon-${index}`, fires }
    return children.use(new Child('claim', input))
  })
  await Promise.all(racers.map((racer) => racer.next<'ready'>()))
  const start = performance.now()
  for (const racer of racers) racer.send('go')
  const claims = (await Promise.all(racers.map((racer) => racer.next<Fire[]>()))).flat()
  const seconds = (performance.now() - start) / 1_000
  const taken = new Set(claims.map(({ jobId, at }) => `${jobId}@${at}`))
  const runs = await stores.jobRuns.list({ limit: 0 })
  const recorded = new Set(runs.map(({ jobId, scheduledFor }) => `${jobId}@${scheduledFor.getTime()}`))
  const twice = Math.max(claims.length - taken.size, runs.length - recorded.size)
  return {
    what: 'claimed',
    backend,
    unit: 'fires',
    ours: taken.size,
    target: `= ${fires.length.toLocaleString('en')}`,
    ok: twice === 0 && taken.size === fires.length && recorded.size === fires.length,
    note: `${twice} twice, ${Math.round(fires.length / seconds)} fires/s`,
  }
}

/** Saves the jobs; their fires are due from the millisecond after the cursor on. */
async function dueFires({ scheduledJobs, jobRuns }: Stores): Promise<Fire[]> {
  const due: Fire[][] = Array.from({ length: FIRES_PER_JOB }, () => [])
  for (let n = 0; n < JOBS; n++) {
    const { id, revision } = await scheduledJobs.save(job(`job-${n}`, { overlap: 'allow' }))
    const cursor = (await jobRuns.state(id))?.cursor.getTime() ?? Number.NaN
    for (const [index, round] of due.entries()) round.push({ jobId: id, revision, at: cursor + 1 + index })
  }
  return due.flat()
}
