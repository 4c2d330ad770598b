import { expect } from 'vitest'
import type { JobRun } from '#storage/contract/job-runs.ts'

/**
 * The records of a job of every second leave no second out between the first and the last, and have none twice. On a
 * machine that stalls some of them are `missed` or `skipped`, which stand for several.
 */
export function expectEachSecondOnce(runs: readonly JobRun[]): void {
  const seconds = runs.flatMap(({ scheduledFor, count }) =>
    Array.from({ length: count }, (_, n) => scheduledFor.getTime() / 1_000 - n),
  )
  const first = Math.min(...seconds)
  expect(seconds.sort((a, b) => a - b)).toEqual(seconds.map((_, n) => first + n))
}
