import { expect, test } from 'vitest'
import { CopyProgress, progressText } from '#commands/storage/copy-progress.ts'

const step = { domain: 'session_groups', verifying: false, done: 1_500, total: 4_000 } as const

test('says how far it is, how fast, and how long it takes still', () => {
  expect(progressText(step, 1_000, 2_000)).toBe('session groups: 1,500 of 4,000, 500/s, 5 s left')
  expect(progressText(step, 0, 0)).toBe('session groups: 1,500 of 4,000')
  expect(progressText({ ...step, total: undefined }, 1, 1)).toBe('session groups: 1,500')
  expect(progressText({ ...step, verifying: true }, 1, 1)).toBe('comparing session groups ...')
})

test('writes to a terminal only, and leaves its line empty', () => {
  const written: string[] = []
  const write = (text: string) => written.push(text) > 0
  {
    using pipe = new CopyProgress({ isTTY: false, write })
    pipe.tell(step)
  }
  expect(written).toEqual([])
  {
    using terminal = new CopyProgress({ isTTY: true, write })
    terminal.tell(step)
  }
  expect(written).toHaveLength(2)
  expect(written.at(-1)).toBe('\r\u001b[K')
})
