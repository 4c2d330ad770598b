import truncate from 'cli-truncate'
import { Box, Text } from 'ink'
import { matches, type Picker, windowOf } from '#chat/picker.ts'
import type { Theme } from '#chat/theme.ts'
import { oneLine, visible } from '#terminal/escapes.ts'

interface PickerViewProps {
  readonly picker: Picker
  readonly theme: Theme
  readonly columns: number
  readonly height: number
}

/** A list to pick from. */
export function PickerView({ picker, theme, columns, height }: PickerViewProps) {
  const { rows, first } = windowOf(picker, height)
  const count = matches(picker).length
  return (
    <Box flexDirection="column">
      <Text wrap="truncate">
        {theme.paint('strong', picker.title)} {theme.paint('accent', visible(picker.query))}
        <Text inverse> </Text>
        {theme.paint('dim', ` ${count} of ${picker.items.length}`)}
      </Text>
      {rows.map(({ id, label, hint }, offset) => {
        const text = truncate(`${oneLine(label)}${hint === '' ? '' : `  ${oneLine(hint)}`}`, columns - 2)
        const chosen = first + offset === picker.index
        return <Text key={id}>{chosen ? theme.paint('accent', `› ${text}`) : `  ${text}`}</Text>
      })}
      <Text>{theme.paint('dim', 'enter picks · esc closes · type to search')}</Text>
    </Box>
  )
}
