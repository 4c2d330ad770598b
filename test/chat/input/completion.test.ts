import { expect, it } from 'vitest'
import { completer } from '#chat/input/completion.ts'
import { draftOf } from '#chat/input/draft.ts'

it('offers the files that a message can mention, and no others', async () => {
  const names = ['src/a.ts', 'src/b c.ts', 'src/d\u001b[2J', 'src/e\nf', 'src/漢字.md', 'src/lib/', 'src/[id].tsx']
  const complete = completer({ commands: [], files: async () => names })
  const found = await complete(draftOf('look at @src/'))
  expect(found?.options.map(({ text }) => text)).toEqual(['@src/a.ts', '@src/漢字.md', '@src/lib/'])
  expect(await completer({ commands: [], files: async () => ['b c.ts'] })(draftOf('@b'))).toBeUndefined()
})
