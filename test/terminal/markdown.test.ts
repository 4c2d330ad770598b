import { expect, test } from 'vitest'
import { markdownRenderer } from '#terminal/markdown.ts'

test('a list of 30 levels in colour takes as much text as it has', async () => {
  const render = await markdownRenderer()
  const list = Array.from({ length: 30 }, (_, level) => `${'  '.repeat(level)}- level ${level}\n`).join('')
  const text = render(list, { columns: 40, colour: true })
  expect(text).toContain('level 29')
  expect(text.length).toBeLessThan(10_000)
})
