import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { array, assert, asyncProperty, constantFrom } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IgnoreRules } from '#agent/search/ignore-rules.ts'
import { findFiles } from '#agent/search/walk.ts'
import { newDirectory } from '../tools/in-directory.ts'

const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', args, { cwd, encoding: 'utf8', env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null' } })

async function write(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), content)
  }
}

async function found(root: string): Promise<string[]> {
  const { files } = await findFiles(root, {
    isClosed: () => false,
    rules: await IgnoreRules.at(root),
    wanted: (path) => !path.includes('/.git'),
    maxFiles: 1_000,
    maxBytes: 1_000,
    signal: new AbortController().signal,
  })
  return files.map((file) => file.slice(root.length + 1)).toSorted()
}

const gitFinds = (root: string) =>
  git(root, 'ls-files', '-z', '--others', '--exclude-standard')
    .split('\0')
    .filter((name) => name !== '' && !/(^|\/)\.git/.test(name))
    .toSorted()

const TREE = [
  'a.log',
  'b.txt',
  'build/a.log',
  'build/b.txt',
  'sub/a.log',
  'sub/b.txt',
  'sub/build/a.log',
  'sub/x/b.txt',
]
const line = constantFrom(
  '*.log',
  '!a.log',
  'build',
  'build/',
  '/build',
  '/b.txt',
  'sub/*',
  '!sub/x',
  '**/x',
  '!build/',
  '# x',
  'x/**',
)

describe('IgnoreRules', () => {
  it('ignore what git ignores', async () => {
    await using directory = await newDirectory()
    git(directory.path, 'init', '-q')
    await write(directory.path, Object.fromEntries(TREE.map((name) => [name, ''])))
    await assert(
      asyncProperty(
        array(line, { maxLength: 4 }),
        array(line, { maxLength: 2 }),
        array(line, { maxLength: 1 }),
        async (top, sub, exclude) => {
          await write(directory.path, {
            '.gitignore': top.join('\n'),
            'sub/.gitignore': sub.filter((one) => !/^!(sub\/x|build\/)$/.test(one)).join('\n'),
            '.git/info/exclude': exclude.join('\n'),
          })
          expect(await found(directory.path)).toEqual(gitFinds(directory.path))
        },
      ),
      { numRuns: 25 },
    )
  })

  it('hold in a part of a repository, and in a working tree of its own', async () => {
    await using directory = await newDirectory()
    const main = join(directory.path, 'main')
    await write(main, { '.gitignore': '*.log\n', 'sub/a.log': '', 'sub/b.txt': '', '.git-x': '' })
    git(main, 'init', '-q')
    await writeFile(join(main, '.git/info/exclude'), 'excluded\n')
    expect(await found(join(main, 'sub'))).toEqual(['b.txt'])
    git(main, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'x')
    git(main, 'worktree', 'add', '-q', '../tree')
    await write(join(directory.path, 'tree'), { excluded: '', kept: '' })
    expect(await found(join(directory.path, 'tree'))).toEqual(['kept'])
  })

  it('are those of the directory itself where there is no repository', async () => {
    await using directory = await newDirectory()
    await write(directory.path, { '.gitignore': 'x\n', x: '', y: '', 'sub/.gitignore': '!x\n', 'sub/x': '' })
    expect(await found(directory.path)).toEqual(['sub/x', 'y'])
  })
})
