import truncate from 'cli-truncate'
import stringWidth from 'string-width'
import type { ChatState } from '#chat/chat-session.ts'
import type { Theme } from '#chat/theme.ts'
import { oneLine } from '#terminal/escapes.ts'

const MODE_NAMES = { standard: 'standard', plan: 'plan', auto: 'auto-accept' } as const

/**
 * The line at the foot: what is away first, then mode, model, tokens, cost, context and backend. A part that does not
 * fit any more is left out; nothing is ever wrapped.
 */
export function statusLine(state: ChatState, backend: string, theme: Theme, columns: number): string {
  const { mode, model, usage, away, waiting } = state
  const parts = [
    ...(away.store === undefined ? [] : [theme.paint('bad', '✗ store away')]),
    ...(away.gateway === undefined ? [] : [theme.paint('bad', '✗ gateway away')]),
    theme.paint(mode === 'auto' ? 'warning' : 'accent', MODE_NAMES[mode]),
    oneLine(model),
    ...(waiting.length === 0 ? [] : [`${waiting.length} waiting`]),
    `${countOf(usage.tokens)} tokens`,
    ...(usage.cost > 0 ? [`${usage.cost.toFixed(usage.cost < 1 ? 4 : 2)} ${usage.currency}`] : []),
    ...(usage.contextLeft === undefined ? [] : [`${usage.contextLeft}% context left`]),
    backend,
  ]
  let line = ''
  for (const part of parts) {
    const longer = line === '' ? part : `${line}${theme.paint('dim', ' · ')}${part}`
    if (stringWidth(longer) <= columns) line = longer
  }
  return line === '' ? truncate(parts[0] ?? '', columns) : line
}

function countOf(tokens: number): string {
  if (tokens < 1_000) return String(tokens)
  return tokens < 1_000_000 ? `${(tokens / 1_000).toFixed(1)}k` : `${(tokens / 1_000_000).toFixed(1)}M`
}
