import type { Key } from 'ink'
import { describe, expect, it } from 'vitest'
import { keyName } from '#chat/input/key-name.ts'
import { splitKeys } from '#chat/input/split-keys.ts'
import { itemText } from '#chat/item-text.ts'
import { matches, picked, pressPicker, startPicker, windowOf } from '#chat/picker.ts'
import { resultLines } from '#chat/result-lines.ts'
import { statusLine } from '#chat/screen/status-line.ts'
import { themeOf } from '#chat/theme.ts'
import { Transcript } from '#chat/transcript.ts'
import { markdownRenderer } from '#terminal/markdown.ts'

const PLAIN = themeOf('none', false)
const NO_KEY = { ctrl: false, meta: false, shift: false, super: false } as Key

describe('keys that arrive at once', () => {
  const names = (input: string) =>
    splitKeys({ input, key: NO_KEY }).map((one) => keyName(one.input, one.key) ?? one.input)

  it.each([
    ['yes\r', ['yes', 'enter']],
    ['a\nb', ['a', 'ctrl+j', 'b']],
    ['\u0001\u000b', ['ctrl+a', 'ctrl+k']],
    ['ab\t\u007f', ['ab', 'tab', 'backspace']],
    ['one\r\ntwo', ['one', 'enter', 'two']],
    ['plain text', ['plain text']],
    ['漢字', ['漢字']],
  ])('%j are told apart', (input, expected) => {
    expect(names(input)).toEqual(expected)
  })
})

describe('the status line', () => {
  const state = {
    mode: 'standard',
    model: 'some/model',
    waiting: [],
    usage: { tokens: 12_345, cost: 0.1234, currency: 'USD', contextLeft: 80 },
    away: {},
  } as unknown as Parameters<typeof statusLine>[0]

  it('says everything where there is room', () => {
    expect(statusLine(state, 'redis', PLAIN, 80)).toBe(
      'standard · some/model · 12.3k tokens · 0.1234 USD · 80% context left · redis',
    )
  })

  it('leaves out what does not fit, and never what is away', () => {
    const away = { ...state, away: { store: 'gone', gateway: 'gone' } }
    expect(statusLine(away, 'redis', PLAIN, 46)).toBe('✗ store away · ✗ gateway away · standard')
    expect(statusLine(state, 'redis', PLAIN, 46)).toBe('standard · some/model · 12.3k tokens · redis')
    expect(statusLine(state, 'redis', PLAIN, 5)).toBe('redis')
  })
})

describe('a list to pick from', () => {
  const items = Array.from({ length: 30 }, (_, n) => ({
    id: `id${n}`,
    label: `Entry ${n}`,
    hint: n % 2 ? 'odd' : 'even',
  }))

  it('is narrowed by every word that is typed, and widened again', () => {
    const typed = [...'ENTRY 2 odd'].reduce(
      (picker, letter) => pressPicker(picker, letter, letter),
      startPicker('L', items),
    )
    expect(matches(typed).map(({ id }) => id)).toEqual(['id21', 'id23', 'id25', 'id27', 'id29'])
    expect(matches(pressPicker(typed, 'ctrl+u', ''))).toHaveLength(30)
  })

  it('shows the rows around the chosen one', () => {
    const down = pressPicker(pressPicker(startPicker('L', items), 'pgdown', ''), 'down', '')
    expect(picked(down)?.id).toBe('id11')
    expect(windowOf(down, 5).rows.map(({ id }) => id)).toEqual(['id9', 'id10', 'id11', 'id12', 'id13'])
    expect(picked(pressPicker(startPicker('L', items), 'up', ''))?.id).toBe('id0')
  })
})

describe('what a person sees of a result', () => {
  const of = (data: unknown) => resultLines({ content: `Result of tool call: ${JSON.stringify({ data })}` })

  it.each([
    [{ output: 'a\nb\n', exit_code: 0 }, ['a', 'b']],
    [{ file_path: 'a', replacements: 1, changed: '1\tx' }, ['1\tx']],
    [{ file_path: 'a.txt', action: 'created', lines: 2 }, ['file path: a.txt, action: created, lines: 2']],
    [
      {
        todos: [
          { content: 'x', status: 'completed' },
          { content: 'y', status: 'pending' },
        ],
      },
      ['✓ x', '· y'],
    ],
    [
      {
        answered: true,
        answers: [
          { question: 'Which?', answer: ['A', 'B'] },
          { question: 'Why?', answer: [] },
        ],
      },
      ['Which? A, B', 'Why? passed over'],
    ],
  ])('of %j', (data, lines) => {
    expect(of(data)).toEqual(lines)
  })

  it('of what was refused, with the reason and its lines', () => {
    expect(resultLines({ content: "Tool 'Edit' was rejected by the user. They said: no\nnever" })).toEqual([
      'refused: no',
      'never',
    ])
    expect(resultLines({ content: "Tool 'Edit' was rejected by the user." })).toEqual(['refused'])
  })

  it('shows control characters as escapes', () => {
    expect(of({ output: 'a\u001b[2Jb' })).toEqual(['a\\x1b[2Jb'])
  })
})

describe('what is printed', () => {
  it('never is wider than the terminal, folded or not', async () => {
    const markdown = await markdownRenderer()
    const call = { id: 'c', type: 'function' as const, function: { name: 'Bash', arguments: '{}' } }
    const content = `Result of tool call: ${JSON.stringify({ data: { output: `${'漢'.repeat(40)}\n`.repeat(9) } })}`
    const item = { id: 0, kind: 'tool', summary: 'Bash()', call, end: 'result', content, durationMs: 0 } as const
    for (const expanded of [false, true]) {
      const rows = itemText(item, { columns: 30, theme: PLAIN, markdown, expanded }).trimEnd().split('\n')
      for (const row of rows)
        expect(Array.from(row).reduce((sum, one) => sum + (one === '漢' ? 2 : 1), 0)).toBeLessThanOrEqual(30)
      expect(rows).toHaveLength(expanded ? 28 : 6)
    }
  })

  it('has the marks of list items rendered', async () => {
    const markdown = await markdownRenderer()
    expect(markdown('- **a** `b`\n', { columns: 80, colour: false })).toBe('  * a b')
  })
})

describe('the transcript', () => {
  it('tells of a summary and of a session that went on, and takes waiting for a person out of the time of a call', () => {
    const transcript = new Transcript()
    transcript.take({ type: 'compacted', summarised: 7, usage: undefined })
    transcript.take({ type: 'rolled_over', previousSessionId: 'a', newSessionId: 'b', summary: true, usage: undefined })
    transcript.waited('c', 5_000)
    const call = { id: 'c', type: 'function' as const, function: { name: 'Bash', arguments: '{}' } }
    const outcome = { kind: 'result' as const, data: null, arguments: {}, durationMs: 5_500 }
    transcript.take({ type: 'tool', call, content: 'Result of tool call: {}', outcome })
    expect(transcript.items).toMatchObject([
      { kind: 'note', text: '7 older messages became a summary.' },
      { kind: 'divider', text: 'session b, begun with a summary' },
      { kind: 'tool', durationMs: 500 },
    ])
  })
})
