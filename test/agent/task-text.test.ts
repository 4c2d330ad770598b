import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { taskText } from '#agent/task-text.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { newDirectory } from './tools/in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
const warnings: string[] = []

beforeAll(async () => {
  directory = await newDirectory()
  await mkdir(join(directory.path, 'in'))
  await writeFile(join(directory.path, 'in/a.md'), 'alpha')
  await writeFile(join(directory.path, 'in/x.env'), 'KEY=1')
  await writeFile(join(directory.path, 'out.md'), 'outside\n')
})
afterAll(() => directory[Symbol.asyncDispose]())

async function text(task: string, files: string[] = []): Promise<string> {
  warnings.length = 0
  const cwd = join(directory.path, 'in')
  const sandbox = new Sandbox({ cwd, directories: ['.'], protectedPaths: ['*.env'] })
  return await taskText(task, { cwd, sandbox, files, warn: (message) => warnings.push(message) })
}

describe('taskText', () => {
  it('attaches what the text names, once', async () => {
    expect(await text('compare @a.md with (@./a.md).')).toBe(
      'compare @a.md with (@./a.md).\n\n<file path="a.md">\nalpha\n</file>',
    )
  })

  it('leaves words and addresses alone', async () => {
    for (const task of ['@here we go', 'mail me@a.md', '@', '@nobody/else']) {
      expect(await text(task)).toBe(task)
      expect(warnings).toEqual([])
    }
  })

  it('attaches nothing that the sandbox closes, and says so', async () => {
    expect(await text('see @x.env and @../out.md')).toBe('see @x.env and @../out.md')
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/^@x\.env is not attached: .*protected/)
    expect(warnings[1]).toMatch(/^@\.\.\/out\.md is not attached: .*outside/)
  })

  it('attaches the files that the operator names, wherever they are', async () => {
    expect(await text('go', ['../out.md'])).toBe('go\n\n<file path="../out.md">\noutside\n</file>')
    await expect(text('go', ['nope.md'])).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    await expect(text('go', ['.'])).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})
