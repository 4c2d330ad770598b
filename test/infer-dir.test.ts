import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensureDirectory } from '#infer-dir.ts'
import { smallDisk } from './support/tmpfs.ts'

test('says of a read-only disk that it is one', ({ skip }) => {
  const disk = smallDisk('1m')
  if (disk === undefined) return skip()
  ensureDirectory(join(disk, 'a'))
  execFileSync('mount', ['-o', 'remount,ro', disk])
  const made = () => ensureDirectory(join(disk, 'a/b/c'))
  expect(made).toThrow(expect.objectContaining({ code: 'EROFS' }))
})
