import { table } from '#terminal/table.ts'
import type { Figure, Row } from './figure.ts'

type Measured = Pick<Figure, 'name'> & { readonly rows: readonly Row[] }

/** All rows of all figures as one table. */
export function reportTable(figures: readonly Measured[]): string {
  const headings = ['figure', 'case', 'backend', 'ours', 'yardstick', 'ratio', 'target', '', 'note']
  const rows = figures.flatMap(({ name, rows }) =>
    rows.map((row) => [
      name,
      row.what,
      row.backend,
      shown(row, row.ours),
      row.yardstick === undefined ? '' : shown(row, row.yardstick),
      row.yardstick === undefined ? '' : `${(row.ours / row.yardstick).toFixed(2)}x`,
      row.target,
      row.ok ? 'ok' : 'MISS',
      row.note ?? '',
    ]),
  )
  return table(headings, rows)
}

/** One sentence: which figures miss, and where. */
export function summary(figures: readonly Measured[]): string {
  const missed = figures.flatMap(({ name, rows }) =>
    rows.filter(({ ok }) => !ok).map(({ what, backend }) => `${name} (${what}, ${backend})`),
  )
  return missed.length === 0 ? 'Every figure is reached.' : `Missed: ${missed.join('; ')}.`
}

function shown({ unit }: Row, value: number): string {
  return unit === 'ms' ? `${value.toFixed(value < 10 ? 3 : 1)} ms` : `${value.toLocaleString('en')} ${unit}`
}
