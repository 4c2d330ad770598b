import { Child } from './child.ts'
import type { Claim, ClaimFiresInput, ClaimFiresOutput } from './children/claim-fires.ts'
import { type Figure, type Row, timeRow } from './figure.ts'
import { median, quantile } from './measure.ts'
import { DURABLE, type Durable, makePlace, type PlaceOptions } from './places.ts'
import { seedJobs } from './seed-jobs.ts'

const LIMIT_MS = 20

interface Case {
  readonly what: string
  readonly jobs: number
  readonly everyS: number
  readonly rounds: number
}

/** One fire finds the store to itself. Of many in one second the last waits for those before it. */
const CASES: readonly Case[] = [
  { what: 'one fire', jobs: 1, everyS: 1, rounds: 20 },
  { what: '4 in one second', jobs: 4, everyS: 2, rounds: 8 },
  { what: '100 in one second', jobs: 100, everyS: 4, rounds: 3 },
]

/**
 * A real scheduler in a process of its own, with more slots than fires and agents that do nothing until the whole
 * second is claimed. A daemon has 4 slots unless it is told otherwise, so it claims no more than 4 of a second at once;
 * 100 show what the store does at most. From the moment of the fire to the store's answer that it is claimed, so the
 * commit counts.
 */
export const claimDelay: Figure = {
  name: 'claim-delay',
  description: 'from fire to claim with free slots, p99',
  target: `at most ${LIMIT_MS} ms plus the round trip`,
  async run() {
    const rows: Row[] = []
    for (const one of CASES) for (const backend of DURABLE) rows.push(await delay(backend, one))
    return rows
  },
}

async function delay(backend: Durable, { what, jobs, everyS, rounds: count }: Case): Promise<Row> {
  await using place = await makePlace(backend)
  const cronExpression = `@every ${everyS}s`
  await seedJobs(await place.open(), jobs, { cronExpression, catchUp: 'none', overlap: 'allow' })
  const input: ClaimFiresInput = { options: asDaemon(place.options), jobs, rounds: count }
  await using child = new Child('claim-fires', input)
  const { roundTripMs, rounds } = await child.next<ClaimFiresOutput>()
  const all = rounds.flat()
  const of = (which: keyof Claim) => all.map((claim) => claim[which])
  const note = [
    `median ${median(of('answered')).toFixed(0)} ms`,
    `p90 ${quantile(of('answered'), 0.9).toFixed(0)} ms`,
    `p99 of the stamps ${quantile(of('stamped'), 0.99).toFixed(0)} ms`,
    `round trip ${roundTripMs.toFixed(2)} ms`,
  ]
  const row = { what, backend, ours: quantile(of('answered'), 0.99), note: note.join(', ') }
  return timeRow(row, LIMIT_MS + Math.round(roundTripMs * 10) / 10)
}

/** With as many connections as a daemon has. */
function asDaemon(options: PlaceOptions[Durable]): PlaceOptions[Durable] {
  return options.type === 'postgres' ? { ...options, poolSize: 4 } : options
}
