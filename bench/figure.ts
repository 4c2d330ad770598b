import type { StorageType } from '#storage/options.ts'

/** A number that the project promises to reach, and how it is measured. */
export interface Figure {
  readonly name: string
  readonly description: string
  /** In words; each row says it again for itself. */
  readonly target: string
  run(): Promise<Row[]>
}

/** One measured case of a figure. */
export interface Row {
  readonly what: string
  readonly backend: StorageType
  readonly unit: 'ms' | 'fires' | 'runs' | 'MiB' | '% of a core'
  readonly ours: number
  /** What `ours` is compared with, measured in the same run, in the same unit. */
  readonly yardstick?: number
  readonly target: string
  readonly ok: boolean
  /** More about the measurement, such as a median beside a p95. */
  readonly note?: string
}

/** `ours` against a yardstick: reached when the ratio is at most `limit`. */
export function ratioRow(
  row: Pick<Row, 'what' | 'backend' | 'ours' | 'note'> & { yardstick: number },
  limit: number,
): Row {
  return { ...row, unit: 'ms', target: `<= ${limit.toFixed(1)}x`, ok: row.ours / row.yardstick <= limit }
}

/** A time in ms: reached when it is at most `limit`. */
export function timeRow(row: Pick<Row, 'what' | 'backend' | 'ours' | 'note'>, limit: number): Row {
  return { ...row, unit: 'ms', target: `<= ${limit} ms`, ok: row.ours <= limit }
}
