import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitText } from '#channels/split-text.ts'

const LIMIT = 256

const line = fc.oneof(
  fc.constantFrom(
    '```',
    '```js',
    '~~~',
    '~~~~ python',
    '   ```',
    '',
    '- one',
    'a b c',
    '``` not `a` fence',
    '😀'.repeat(90),
  ),
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc.string({ unit: 'binary', minLength: 200, maxLength: 900 }),
)
const text = fc.array(line, { maxLength: 60 }).map((lines) => lines.join('\n'))

/** Whether a fence is open at the end, by a reading of its own. */
function endsInside(markdown: string): boolean {
  let open = ''
  for (const one of markdown.split('\n')) {
    const mark = /^\s*(`{3,}|~{3,})/.exec(one)?.[1] ?? ''
    if (mark === '' || one.length > 63) continue
    const rest = one.trim().slice(mark.length)
    if (open === '') open = mark.startsWith('`') && rest.includes('`') ? '' : mark
    else if (mark.startsWith(open) && rest.trim() === '') open = ''
  }
  return open !== ''
}

describe('a text that is split', () => {
  it('is the text when its parts are joined, and no part is longer than the limit', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: LIMIT, max: 1_000 }), (whole, limit) => {
        const parts = splitText(whole, limit)
        expect(parts.map(({ body }) => body).join('')).toBe(whole)
        for (const { opening, body, closing } of parts) {
          expect((opening + body + closing).length).toBeLessThanOrEqual(limit)
          expect(body).not.toBe('')
        }
      }),
      { numRuns: 500 },
    )
  })

  it('has every fence closed in its part', () => {
    fc.assert(
      fc.property(text, (whole) => {
        for (const { opening, body, closing } of splitText(whole, LIMIT)) {
          expect(endsInside(opening + body + closing)).toBe(false)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is cut in no surrogate pair', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 600, maxLength: 3_000 }), (whole) => {
        for (const { body } of splitText(whole, LIMIT)) expect(body.isWellFormed()).toBe(true)
      }),
    )
    for (const { body } of splitText('😀'.repeat(1_000), LIMIT + 1)) expect(body.isWellFormed()).toBe(true)
  })

  it('is cut at line ends where lines fit', () => {
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index} ${'x'.repeat(index)}`)
    for (const { body } of splitText(`${lines.join('\n')}\n`, LIMIT)) expect(body.endsWith('\n')).toBe(true)
  })

  it('is cut between words where a line does not fit', () => {
    const [first] = splitText('word '.repeat(100), LIMIT)
    expect(first?.body).toBe('word '.repeat(51))
  })

  it('goes on with the language of a code block', () => {
    const [first, second] = splitText(`\`\`\`ts\n${'const a = 1\n'.repeat(40)}\`\`\`\n`, LIMIT)
    expect(first?.closing).toBe('```')
    expect(second?.opening).toBe('```ts\n')
  })

  it('is nothing for nothing', () => {
    expect(splitText('', LIMIT)).toEqual([])
  })
})
