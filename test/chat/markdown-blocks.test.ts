import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MarkdownBlocks } from '#chat/markdown-blocks.ts'

function blocksOf(text: string, size = 1): string[] {
  const blocks = new MarkdownBlocks()
  const done: string[] = []
  for (let at = 0; at < text.length; at += size) done.push(...blocks.push(text.slice(at, at + size)))
  return [...done, blocks.finish()]
}

describe('streamed markdown', () => {
  it.each([
    ['one\n\ntwo\n', ['one\n\n', 'two\n']],
    ['# a\n\n\n\nb\nc\n\nd\n', ['# a\n\n\n\n', 'b\nc\n\n', 'd\n']],
    ['```js\na\n\nb\n```\n\nc\n', ['```js\na\n\nb\n```\n\n', 'c\n']],
    ['````\n```\n\nx\n````\n\ny\n', ['````\n```\n\nx\n````\n\n', 'y\n']],
    ['1. a\n\n2. b\n\n   more\n\nend\n', ['1. a\n\n2. b\n\n   more\n\n', 'end\n']],
    ['- a\n\n- b\n\n# h\n', ['- a\n\n- b\n\n', '# h\n']],
    ['\n\none\n\ntwo\n', ['\n\none\n\n', 'two\n']],
    ['open', ['open']],
    ['', ['']],
  ])('%j is cut into %j', (text, blocks) => {
    expect(blocksOf(text)).toEqual(blocks)
  })

  it('is whole whatever the fragments are, and cut in the same places', () => {
    const part = fc.constantFrom('a', '\n', '\n\n', '```\n', '- x\n', '1. y\n', '  z\n', '~~~\n', '# h\n')
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        fc.integer({ min: 1, max: 9 }),
        (text, size) => {
          const blocks = blocksOf(text, size)
          expect(blocks.join('')).toBe(text)
          expect(blocks).toEqual(blocksOf(text))
        },
      ),
    )
  })
})
