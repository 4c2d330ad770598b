import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { treeTool } from '#agent/tools/tree.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { callTool } from './call-tool.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
let cwd: string

beforeAll(async () => {
  directory = await newDirectory()
  cwd = join(directory.path, 'work')
  const files = [
    'b.txt',
    'a.txt',
    'src/x/y/z/deep.ts',
    'src/m.ts',
    'dist/o.js',
    'prod.env',
    '.git/HEAD',
    '.infer/c',
    'new\nline',
  ]
  for (const name of files) {
    await mkdir(dirname(join(cwd, name)), { recursive: true })
    await writeFile(join(cwd, name), '')
  }
  await writeFile(join(cwd, '.gitignore'), 'dist\n')
  await symlink('src', join(cwd, 'link'))
  await symlink('..', join(cwd, 'up'))
  await symlink('prod.env', join(cwd, 'harmless'))
  await mkdir(join(cwd, 'many'))
  for (let index = 0; index < 30; index += 1) await writeFile(join(cwd, 'many', `f${index + 10}`), '')
})
afterAll(() => directory[Symbol.asyncDispose]())

async function tree(args: JsonObject): Promise<JsonObject> {
  const sandbox = new Sandbox({ cwd, directories: ['.'], protectedPaths: ['*.env'] })
  return await callTool(treeTool({ sandbox, cwd, requireApproval: false }), args)
}

describe('Tree', () => {
  it('shows what is open, sorted, and follows no link', async () => {
    const { tree: text, ...rest } = await tree({ max_depth: 1 })
    expect((text as string).split('\n')).toEqual([
      './',
      '├── .gitignore',
      '├── a.txt',
      '├── b.txt',
      '├── harmless -> prod.env',
      '├── link -> src',
      '├── many/',
      '├── new\ufffdline',
      '├── src/',
      '└── up -> ..',
    ])
    expect(rest).toEqual({ path: '.', directories: 2, files: 4, links: 3, max_depth: 1 })
  })

  it('goes as deep as asked', async () => {
    expect((await tree({ path: 'src', max_depth: 3 })).tree).toBe('src/\n├── m.ts\n└── x/\n    └── y/\n        └── z/')
    expect((await tree({ path: 'src', max_depth: 9 })).tree).toContain('            └── deep.ts')
    expect((await tree({ path: 'src', directories_only: true, max_depth: 1 })).tree).toBe('src/\n└── x/')
  })

  it('draws lines beside what is below', async () => {
    expect((await tree({ max_depth: 2, limit: 9 })).tree).toContain('├── many/\n│   ├── f10\n│   ├── f11')
  })

  it('shows as much as asked and states the total', async () => {
    const result = await tree({ path: 'many', limit: 4 })
    expect(result.tree).toBe('many/\n├── f10\n├── f11\n├── f12\n├── f13')
    expect(result).toMatchObject({ files: 30, shown: 4, note: 'only the first 4 of 30 entries are shown' })
  })

  it('lists what git ignores when it is named', async () => {
    expect((await tree({ path: 'dist' })).tree).toBe('dist/\n└── o.js')
  })

  it('says what it cannot list', async () => {
    await expect(tree({ path: 'a.txt' })).rejects.toThrow('a.txt is not a directory')
    await expect(tree({ path: 'nope' })).rejects.toThrow('there is no directory nope')
    await expect(tree({ path: '..' })).rejects.toThrow('outside')
    await expect(tree({ path: '.git' })).rejects.toThrow('protected')
    await expect(tree({ max_depth: 0 })).rejects.toThrow('max_depth must be at least 1')
  })
})
