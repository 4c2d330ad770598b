import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { deleteTool } from '#agent/tools/delete.ts'
import { editTool } from '#agent/tools/edit.ts'
import { readTool } from '#agent/tools/read.ts'
import { writeTool } from '#agent/tools/write.ts'
import { memoryStores } from '../headless-options.ts'
import { carryOut, sandboxOf } from './file-tool.ts'
import { newDirectory } from './in-directory.ts'

const ROUNDS = 100
const SWAPS = 500

describe('a directory that another process swaps for a symlink all the time', () => {
  it('leads no tool outside', async () => {
    await using directory = await newDirectory()
    const work = join(directory.path, 'work')
    const inside = join(work, 'dir')
    const outside = join(directory.path, 'outside')
    for (const [place, word] of [
      [inside, 'harmless'],
      [outside, 'SECRET'],
    ] as const) {
      for (const name of ['.', 'sub', 'sub/gone', 'gone']) {
        await mkdir(join(place, name), { recursive: true })
        for (const file of ['read.txt', 'edit.txt', 'write.txt']) await writeFile(join(place, name, file), word)
      }
    }
    await mkdir(join(outside, 'sub/only-here'), { recursive: true })
    await mkdir(join(outside, 'only-here'))
    const before = await contentOf(outside)
    const sandbox = sandboxOf(work)
    const deps = { sandbox, requireApproval: false }
    const read = readTool({ ...deps, plans: memoryStores().plans })
    const [write, edit, remove] = [writeTool(deps), editTool(deps), deleteTool(deps)]

    const count = join(directory.path, 'count')
    await writeFile(count, '0')
    await using _ = swapper(inside, outside, count)
    const told: string[] = []
    const attempt = async (call: Promise<unknown>) => {
      told.push(await call.then(JSON.stringify, (error: Error) => error.message))
    }
    const isTried = async (round: number) =>
      round >= ROUNDS &&
      Number(await readFile(count, 'utf8')) >= SWAPS &&
      ['harmless', 'outside the allowed directories'].every((word) => told.some((one) => one.includes(word)))
    for (let round = 0; !(await isTried(round)); round += 1) {
      // The directory of the file is swapped, or the one above it.
      for (const place of ['dir', 'dir/sub']) {
        await attempt(carryOut(read, { file_path: `${place}/read.txt` }))
        await attempt(carryOut(write, { file_path: `${place}/write.txt`, content: `round ${round}` }))
        await attempt(carryOut(write, { file_path: `${place}/only-here/deep/new-${round}.txt`, content: 'new' }))
        await attempt(carryOut(edit, { file_path: `${place}/edit.txt`, old_string: 'SECRET', new_string: 'broken' }))
        await attempt(carryOut(remove, { path: `${place}/gone`, recursive: true }))
      }
    }
    expect(told.filter((one) => /SECRET|broken/.test(one))).toEqual([])
    expect(await contentOf(outside)).toEqual(before)
  }, 120_000)
})

function swapper(directory: string, target: string, count: string): AsyncDisposable {
  const script = fileURLToPath(new URL('./swap-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory, target, count], { stdio: ['pipe', 'ignore', 'inherit'] })
  const exit = once(child, 'exit')
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await exit
    },
  }
}

/** Every path below a directory with what it holds. */
async function contentOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name)
    return `${path}: ${entry.isFile() ? await readFile(path, 'utf8') : 'no file'}`
  })
  return (await Promise.all(lines)).sort()
}
