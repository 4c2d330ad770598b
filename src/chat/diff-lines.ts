import type { Role } from './theme.ts'

/** A line and what it is in a unified diff; lines of other text are dim. */
export interface DiffLine {
  readonly role: Extract<Role, 'added' | 'removed' | 'accent' | 'dim'>
  readonly line: string
}

/** Tells the lines of a unified diff apart; a text without a hunk (`@@ … @@`) has none. */
export function diffLines(lines: readonly string[]): DiffLine[] {
  const isDiff = lines.some((line) => HUNK.test(line))
  return lines.map((line) => ({ role: isDiff ? roleOf(line) : 'dim', line }))
}

const HUNK = /^@@ -\d+(,\d+)? \+\d+(,\d+)? @@/

function roleOf(line: string): DiffLine['role'] {
  if (HUNK.test(line)) return 'accent'
  if (/^(\+\+\+|---) /.test(line)) return 'dim'
  if (line.startsWith('+')) return 'added'
  return line.startsWith('-') ? 'removed' : 'dim'
}
