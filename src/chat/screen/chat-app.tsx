import { Box, Text, useInput, usePaste, useStdout, useWindowSize } from 'ink'
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useSyncExternalStore } from 'react'
import type { ChatProgram } from '#chat/chat-program.ts'
import { draftRows } from '#chat/input/draft-rows.ts'
import { type ItemLook, itemText } from '#chat/item-text.ts'
import type { Theme } from '#chat/theme.ts'
import type { TranscriptItem } from '#chat/transcript.ts'
import type { MarkdownRenderer } from '#terminal/markdown.ts'
import { LiveView } from './live-view.tsx'
import { PickerView } from './picker-view.tsx'
import { PromptView } from './prompt-view.tsx'
import { QuestionView } from './question-view.tsx'
import { statusLine } from './status-line.ts'

interface ChatAppProps {
  readonly program: ChatProgram
  readonly theme: Theme
  /** The backend as the status bar names it. */
  readonly backend: string
  /** Undefined until it is loaded; until then nothing finished is printed. */
  readonly markdown: MarkdownRenderer | undefined
}

/** Rows that the prompt may take. */
const PROMPT_ROWS = 8
/** Rows around what is asked: borders, title, position, keys, status, and one that stays free. */
const QUESTION_FRAME = 8

/** The part of the screen that changes; what is finished is printed above it, once. */
export function ChatApp({ program, theme, backend, markdown }: ChatAppProps) {
  const { columns, rows } = useWindowSize()
  useSyncExternalStore(program.subscribe, () => program.version)
  useInput((input, key) => program.press(input, key, columns - 2))
  usePaste((text) => program.paste(text))
  usePrinted(program, { columns, rows, theme, markdown })

  const { chat, overlay, prompt } = program
  const { live, question } = chat.state
  const { draft, completion } = prompt.state
  const promptRows = Math.min(PROMPT_ROWS, Math.max(1, rows - 4), draftRows(draft, columns - 2).rows.length)
  const belowRows = promptRows + (completion?.options.length ?? 0) + 1
  const typing = question === undefined || question.kind === 'choice' || overlay?.kind === 'feedback'
  const picking = overlay?.kind === 'picker'
  return (
    <Box flexDirection="column" marginTop={1}>
      {live && !question && !picking && (
        <LiveView live={live} theme={theme} columns={columns} height={Math.max(1, rows - belowRows - 3)} />
      )}
      {question && !picking && (
        <QuestionView
          question={question}
          theme={theme}
          keymap={program.keymap}
          columns={columns}
          height={Math.max(1, rows - QUESTION_FRAME - (typing ? promptRows : 0))}
          scroll={program.scroll}
        />
      )}
      {picking && <PickerView picker={overlay.picker} theme={theme} columns={columns} height={Math.max(1, rows - 6)} />}
      {typing && !picking && (
        <PromptView
          state={prompt.state}
          theme={theme}
          columns={columns}
          height={promptRows}
          placeholder={
            overlay?.kind === 'feedback' ? 'what should be different, or only enter' : 'say something, or /help'
          }
        />
      )}
      <Text wrap="truncate">
        {program.leaving
          ? theme.paint('warning', `${program.keymap.keyOf('global_quit')} again leaves`)
          : statusLine(chat.state, backend, theme, columns)}
      </Text>
    </Box>
  )
}

/** The screen, not what has scrolled out of it: that is the person's. */
const CLEAR = '\x1b[2J\x1b[H'
/** Items that are printed again when results are folded or unfolded. */
const UNFOLDED_ITEMS = 60
/** A resize is over when nothing has come for so many ms: a drag sends many. */
const RESIZED_MS = 60

/** Prints what has finished since the last time; the last of it again when results are folded or unfolded. */
function usePrinted(program: ChatProgram, look: Omit<ItemLook, 'markdown' | 'expanded'> & PrintedLook): void {
  const { write } = useStdout()
  const { rows, markdown, ...rest } = look
  const printed = useRef({ upTo: -1, expanded: false })
  const { items } = program.chat.state
  const { expanded } = program
  useLayoutEffect(() => {
    if (!markdown) return
    const again = printed.current.expanded !== expanded
    const from = again ? (items.at(-UNFOLDED_ITEMS)?.id ?? 0) - 1 : printed.current.upTo
    const text = items
      .filter(({ id }) => id > from)
      .map((item) => itemText(item, { ...rest, markdown, expanded }))
      .join('')
    printed.current = { upTo: items.at(-1)?.id ?? -1, expanded }
    if (text !== '' || again) write(again ? CLEAR + text : text)
    program.chat.printed(printed.current.upTo)
  })
  const repaint = useEffectEvent(() => {
    if (markdown) write(CLEAR + lastRows(items, Math.max(0, rows - FRAME_ROWS), { ...rest, markdown, expanded }))
  })
  const { columns } = rest
  const size = useRef({ columns, rows })
  useEffect(() => {
    if (size.current.columns === columns && size.current.rows === rows) return undefined
    size.current = { columns, rows }
    // A terminal breaks the lines of a screen anew when it becomes narrower, in ways that cannot be counted.
    const timer = setTimeout(repaint, RESIZED_MS)
    return () => clearTimeout(timer)
  }, [columns, rows])
}

/** Rows that the changing part takes at least. */
const FRAME_ROWS = 4

interface PrintedLook {
  readonly rows: number
  readonly markdown: MarkdownRenderer | undefined
}

/** The end of the transcript, at most so many rows. */
function lastRows(items: readonly TranscriptItem[], rows: number, look: ItemLook): string {
  const lines: string[] = []
  for (const item of items.toReversed()) {
    if (lines.length >= rows) break
    lines.unshift(...itemText(item, look).replace(/\n$/, '').split('\n'))
  }
  return lines.length === 0 ? '' : `${lines.slice(Math.max(0, lines.length - rows)).join('\n')}\n`
}
