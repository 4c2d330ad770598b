import truncate from 'cli-truncate'
import { Box, Text } from 'ink'
import wrapAnsi from 'wrap-ansi'
import { diffLines } from '#chat/diff-lines.ts'
import type { Keymap } from '#chat/input/keymap.ts'
import type { Question } from '#chat/question-queue.ts'
import type { Role, Theme } from '#chat/theme.ts'
import { oneLine, visible } from '#terminal/escapes.ts'

interface QuestionViewProps {
  readonly question: Question
  readonly theme: Theme
  readonly keymap: Keymap
  readonly columns: number
  /** Rows for what is asked about. */
  readonly height: number
  /** First of its rows that is shown. */
  readonly scroll: number
}

/** What the person is asked: whether a call may run, whether a plan is accepted, or one of several answers. */
export function QuestionView({ question, theme, keymap, columns, height, scroll }: QuestionViewProps) {
  const width = columns - FRAME
  const { title, lines, keys } = contentOf(question, keymap)
  const broken = wrapAnsi(keys, width).split('\n')
  const keyRows = height - broken.length < ROWS_BEFORE_KEYS ? [truncate(keys, width)] : broken
  const shown = height - keyRows.length + 1
  const all = rowsOf(lines, width)
  const from = Math.min(scroll, Math.max(0, all.length - shown))
  const rows = all.slice(from, from + shown).map(({ role, line }) => (role === 'dim' ? line : theme.paint(role, line)))
  const hidden = all.length - rows.length
  return (
    <Box flexDirection="column" borderStyle="round" {...(theme.colour && { borderColor: 'cyan' })} paddingX={1}>
      <Text>{theme.paint('strong', truncate(title, width))}</Text>
      {rows.length > 0 && <Text>{rows.join('\n')}</Text>}
      {hidden > 0 && (
        <Text>{theme.paint('dim', `${from + 1}-${from + rows.length} of ${all.length} lines, pgup/pgdn`)}</Text>
      )}
      <Text>{keyRows.map((row) => theme.paint('accent', row)).join('\n')}</Text>
    </Box>
  )
}

/** Rows of what is asked about in a terminal of so many columns, for scrolling. */
export function questionRows(question: Question, columns: number): number {
  return rowsOf(contentOf(question, undefined).lines, columns - FRAME).length
}

/** Where fewer rows than that would be left, the keys are cut to one. */
const ROWS_BEFORE_KEYS = 4

/** Columns that the border and the blanks beside it take. */
const FRAME = 4

/** Lines are broken and not cut: nobody should agree to what cannot be seen. */
function rowsOf(lines: readonly string[], width: number): { role: Role; line: string }[] {
  return diffLines(lines).flatMap(({ role, line }) => {
    const rows = wrapAnsi(line.replaceAll('\t', '  '), Math.max(10, width), { hard: true, trim: false })
    return rows.split('\n').map((row) => ({ role, line: row }))
  })
}

/** The two lines that name the file again. */
const DIFF_HEAD = /^--- .*\n\+\+\+ .*\n(?=@@ )/m

function contentOf(question: Question, keymap: Keymap | undefined): { title: string; lines: string[]; keys: string } {
  switch (question.kind) {
    case 'approval': {
      const { call, description } = question.question
      const text = description ?? argumentsOf(call.function.arguments)
      return {
        title: `Allow ${oneLine(call.function.name)}?`,
        lines: visible(text).replace(DIFF_HEAD, '').trimEnd().split('\n'),
        keys: 'y allow · n refuse · r refuse and say why · esc interrupt',
      }
    }
    case 'plan': {
      const { uri, title, body } = question.plan
      const key = (action: Parameters<Keymap['keyOf']>[0]) => keymap?.keyOf(action) ?? ''
      return {
        title: `Plan: ${oneLine(title)}`,
        lines: [uri, '', ...visible(body).trim().split('\n')],
        keys:
          `${key('plan_approval_plan_approval_accept')} accept · ` +
          `${key('plan_approval_plan_approval_accept_standard')} accept, approve each step · ` +
          `${key('plan_approval_plan_approval_reject')} reject`,
      }
    }
    case 'choice':
      return {
        title: 'The agent asks',
        lines: [oneLine(question.text), ...question.options.map((option, index) => `${index + 1}. ${oneLine(option)}`)],
        keys: choiceKeys(question),
      }
  }
}

function choiceKeys({ options, several }: Extract<Question, { kind: 'choice' }>): string {
  const pick = several ? 'numbers such as 1,3 · or type the answer' : 'a number picks · or type the answer'
  return `${options.length === 0 ? 'type the answer' : pick} · enter passes over`
}

/** The arguments, readable: each on lines of its own, texts as they are. */
function argumentsOf(json: string): string {
  try {
    return Object.entries(JSON.parse(json) as Record<string, unknown>)
      .map(([key, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value)
        return text.includes('\n') ? `${key}:\n${text}` : `${key}: ${text}`
      })
      .join('\n')
  } catch {
    return json
  }
}
