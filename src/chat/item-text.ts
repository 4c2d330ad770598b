import truncate from 'cli-truncate'
import wrapAnsi from 'wrap-ansi'
import { oneLine, visible } from '#terminal/escapes.ts'
import type { MarkdownRenderer } from '#terminal/markdown.ts'
import { diffLines } from './diff-lines.ts'
import { resultLines } from './result-lines.ts'
import type { Theme } from './theme.ts'
import type { TranscriptItem } from './transcript.ts'

export interface ItemLook {
  /** Width of the terminal in cells. */
  readonly columns: number
  readonly theme: Theme
  readonly markdown: MarkdownRenderer
  /** Whether results are shown whole. */
  readonly expanded: boolean
}

/** Lines of a result that are shown while it is folded. */
const FOLDED = 4
/** A call that took at least so many ms shows its time. */
const SLOW_MS = 1_000

/** A finished item as it is printed, a newline at its end. */
export function itemText(item: TranscriptItem, look: ItemLook): string {
  const { theme, columns } = look
  switch (item.kind) {
    case 'user':
      return `\n${behind('> ', theme.paint('user', wrapped(visible(item.text), columns - 2)))}\n`
    case 'answer':
      return `\n${look.markdown(item.markdown, { columns, colour: theme.colour })}\n`
    case 'tool':
      return toolText(item, look)
    case 'shell': {
      const rows = folded(visible(item.output.trimEnd()).split('\n'), look)
      return `\n${[theme.paint('accent', `! ${visible(item.command)}`), ...rows].join('\n')}\n`
    }
    case 'divider': {
      const text = ` ${oneLine(item.text)} `
      return `\n${theme.paint('dim', `──${text}${'─'.repeat(Math.max(0, columns - text.length - 3))}`)}\n`
    }
    case 'note':
      return `${theme.paint('dim', wrapped(visible(item.text), columns))}\n`
    case 'warning':
      return `${theme.paint('warning', wrapped(`! ${visible(item.text)}`, columns))}\n`
    case 'error':
      return `\n${theme.paint('bad', wrapped(`✗ ${visible(item.text)}`, columns))}\n`
  }
}

const SIGNS = {
  result: ['good', '✓'],
  failed: ['bad', '✗'],
  rejected: ['warning', '✗'],
  blocked: ['warning', '⊘'],
} as const

function toolText(item: Extract<TranscriptItem, { kind: 'tool' }>, look: ItemLook): string {
  const { theme, columns } = look
  const [role, sign] = SIGNS[item.end]
  const took = item.durationMs >= SLOW_MS ? ` ${(item.durationMs / 1_000).toFixed(1)} s` : ''
  const head = truncate(oneLine(item.summary), Math.max(1, columns - 2 - took.length))
  const rows = folded(resultLines(item), look)
  return `${[`${theme.paint(role, sign)} ${head}${theme.paint('dim', took)}`, ...rows].join('\n')}\n`
}

/** Lines behind a margin, the first few while they are folded. */
function folded(lines: readonly string[], { theme, columns, expanded }: ItemLook): string[] {
  const text = lines.length === 1 && lines[0] === '' ? [] : lines
  const shown = expanded || text.length <= FOLDED + 1 ? text : text.slice(0, FOLDED)
  const rows = diffLines(shown).map(({ role, line }) =>
    theme.paint(
      role,
      expanded ? behind('  ', wrapped(line, columns - 2)) : truncate(`  ${line.replaceAll('\t', '  ')}`, columns),
    ),
  )
  const rest = text.length - shown.length
  return rest > 0 ? [...rows, theme.paint('dim', `  … ${rest} more lines`)] : rows
}

function wrapped(text: string, columns: number): string {
  return wrapAnsi(text, Math.max(10, columns), { hard: true, trim: false })
}

function behind(margin: string, text: string): string {
  const [first = '', ...rest] = text.split('\n')
  return [margin + first, ...rest.map((line) => ' '.repeat(margin.length) + line)].join('\n')
}
