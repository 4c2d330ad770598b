import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testDirectory } from '../support/backends.ts'
import { cleanEnvironment } from '../support/environment.ts'

const COUNT = 100_000
/** A fifth of the text alone. */
const HEAP_MB = 96

test('500 MB in 100,000 conversations are copied and compared within a heap of 96 MB', () => {
  const directory = testDirectory()
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const child = join(import.meta.dirname, 'copy-memory-child.ts')
  const said = execFileSync(process.execPath, [`--max-old-space-size=${HEAP_MB}`, child, directory, String(COUNT)], {
    env: cleanEnvironment(),
    encoding: 'utf8',
  })
  expect(JSON.parse(said)).toEqual({ count: COUNT, equal: true, problems: 0 })
})
