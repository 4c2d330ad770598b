/** Rounds whose times do not count: statements are prepared, connections are made. */
const WARM_UP_ROUNDS = 5

export interface Medians {
  readonly ours: number
  readonly yardstick: number
}

/**
 * Medians in ms of two pieces of work that are done in turn, so that both see the same machine. Who goes first
 * alternates. `before` is done ahead of each round and does not count.
 */
export async function inTurn(
  rounds: number,
  work: {
    ours(round: number): unknown
    yardstick(round: number): unknown
    before?(round: number): unknown
  },
  warmUpRounds = WARM_UP_ROUNDS,
): Promise<Medians> {
  const ours: number[] = []
  const yardstick: number[] = []
  for (let round = 0; round < rounds + warmUpRounds; round++) {
    await work.before?.(round)
    const pair = [
      async () => ours.push(await timed(() => work.ours(round))),
      async () => yardstick.push(await timed(() => work.yardstick(round))),
    ]
    for (const one of round % 2 === 0 ? pair : pair.reverse()) await one()
  }
  return { ours: median(ours.slice(warmUpRounds)), yardstick: median(yardstick.slice(warmUpRounds)) }
}

/** How long the work takes, in ms. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The smallest value that at least this share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** ms of the monotonic clock, which all processes of a machine share. */
export function sharedClock(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
