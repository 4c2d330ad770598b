import { Box, Text } from 'ink'
import { draftRows } from '#chat/input/draft-rows.ts'
import type { PromptState } from '#chat/input/prompt.ts'
import type { Theme } from '#chat/theme.ts'
import { visible } from '#terminal/escapes.ts'

interface PromptViewProps {
  readonly state: PromptState
  readonly theme: Theme
  readonly columns: number
  /** Rows of the draft that are shown at most; the ones around the cursor. */
  readonly height: number
  readonly placeholder: string
}

const MARGIN = '> '

/** The line at which a person types, the cursor as an inverted cell, completions below it. */
export function PromptView({ state, theme, columns, height, placeholder }: PromptViewProps) {
  const { draft, search, completion } = state
  const { rows, cursor } = draftRows(draft, columns - MARGIN.length)
  const first = Math.max(0, Math.min(cursor.row - height + 1, rows.length - height))
  const empty = draft.text === '' && search === undefined
  return (
    <Box flexDirection="column">
      {search && (
        <Text wrap="truncate-start">
          {theme.paint('accent', search.index === -1 && search.query !== '' ? 'nothing found for: ' : 'search: ')}
          {visible(search.query)}
        </Text>
      )}
      {rows.slice(first, first + height).map((row, offset) => {
        const at = first + offset
        return (
          <Text key={at} wrap="truncate">
            {theme.paint('accent', at === 0 ? MARGIN : '  ')}
            {empty && <Text inverse>{placeholder.slice(0, 1)}</Text>}
            {empty && theme.paint('dim', placeholder.slice(1))}
            {!empty && (at === cursor.row ? <WithCursor row={row} offset={cursor.offset} /> : visible(row))}
          </Text>
        )
      })}
      {completion?.options.map(({ text, hint }, index) => (
        <Text key={text} wrap="truncate">
          {index === completion.index ? theme.paint('accent', `› ${visible(text)}`) : `  ${visible(text)}`}
          {hint === '' ? '' : theme.paint('dim', `  ${visible(hint)}`)}
        </Text>
      ))}
    </Box>
  )
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function WithCursor({ row, offset }: { row: string; offset: number }) {
  const [{ segment: under } = { segment: ' ' }] = graphemes.segment(row.slice(offset))
  return (
    <>
      {visible(row.slice(0, offset))}
      <Text inverse>{visible(under)}</Text>
      {visible(row.slice(offset + under.length))}
    </>
  )
}
