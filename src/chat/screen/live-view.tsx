import truncate from 'cli-truncate'
import { Text } from 'ink'
import wrapAnsi from 'wrap-ansi'
import { summariseCall } from '#agent/protocol.ts'
import type { Theme } from '#chat/theme.ts'
import type { LiveTurn } from '#chat/transcript.ts'
import { oneLine, visible } from '#terminal/escapes.ts'

interface LiveViewProps {
  readonly live: LiveTurn
  readonly theme: Theme
  readonly columns: number
  /** Rows for the block that streams in; its end is shown. */
  readonly height: number
}

/** What is under way: the end of the block that streams in as plain text, and the calls that run. */
export function LiveView({ live, theme, columns, height }: LiveViewProps) {
  const calls = live.calls.map((call) => {
    return `${theme.paint('accent', '…')} ${truncate(oneLine(summariseCall(call)), columns - 2)}`
  })
  const saying = live.text.trim() === '' ? [] : ending(live.text, columns, height - calls.length)
  const waiting = calls.length === 0 && saying.length === 0
  const rows = waiting ? [theme.paint('dim', truncate(doing(live), columns))] : saying
  return <Text>{[...rows, ...calls].join('\n')}</Text>
}

function doing({ command, reasoning }: LiveTurn): string {
  if (command !== undefined) return `running ${oneLine(command)} … esc interrupts`
  return reasoning ? 'thinking … esc interrupts' : 'waiting for the model … esc interrupts'
}

/** The last rows of a text. Only its end is wrapped, so that a long block costs no more than a short one. */
function ending(text: string, columns: number, height: number): string[] {
  const end = visible(text.slice(-columns * height).replace(/^\n+/, ''))
  return wrapAnsi(end, columns, { hard: true, trim: false }).split('\n').slice(-Math.max(1, height))
}
