import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allowList } from '#agent/bash/allow-list.ts'
import { bashEnvironment } from '#agent/bash/bash-environment.ts'
import { checkCommand } from '#agent/bash/check-command.ts'
import { type CommandResult, runWords } from '#agent/bash/run-shell.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { newDirectory } from '../tools/in-directory.ts'
import { GIT_ENVIRONMENT, git, plantRepository } from './hostile-repository.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
let repository: Awaited<ReturnType<typeof plantRepository>>

beforeAll(async () => {
  directory = await newDirectory()
  repository = await plantRepository(directory.path)
})
afterAll(() => directory[Symbol.asyncDispose]())

async function clearMarks(): Promise<void> {
  for (const name of await repository.executed()) await rm(join(directory.path, 'executed', name))
}

const env = bashEnvironment(GIT_ENVIRONMENT, new Set())

/** Whatever the list, the guard decides: every git command is on it. */
async function check(command: string, cwd = repository.path, directories = ['.']) {
  const sandbox = new Sandbox({ cwd, directories, protectedPaths: ['*.env', '.env.*'] })
  return await checkCommand(command, allowList(['git( .+)?']), { sandbox, cwd, env })
}

async function run(command: string, cwd = repository.path): Promise<CommandResult> {
  const checked = await check(command, cwd)
  if (checked.kind !== 'listed') throw new Error(`refused: ${JSON.stringify(checked)}`)
  const { words, env: own } = checked.invocation
  return await runWords(words, { cwd, env: own, timeoutMs: 20_000, signal: new AbortController().signal })
}

const HARMLESS = [
  'git status',
  'git status --short --branch',
  'git status --porcelain=2 --untracked-files=no',
  'git log -p',
  'git log -p -m --all --stat',
  'git log --oneline -n 5',
  "git log --format='%h %s %G?' signed",
  'git branch new-branch',
  'git tag new-tag',
  'git log -Schanged --text',
  'git log -L 1,1:a.txt',
  'git log --cc main~1..main -- a.txt',
  'git diff',
  'git diff HEAD~1 HEAD',
  'git diff --cached --stat',
  'git diff --word-diff -- a.txt b.bin src',
  "git diff -- ':(glob)**/*.ts'",
  'git diff HEAD^',
  'git show',
  'git show HEAD:a.txt',
  'git show HEAD@{0} --stat',
  'git blame a.txt',
  'git grep -n changed',
  'git grep -nI -A2 export -- src',
  'git cat-file -p HEAD',
  'git ls-files -m',
  'git diff-index -p HEAD',
  'git diff-files -p',
  'git describe --always',
  'git branch -a',
  'git remote -v',
  'git stash list',
  'git rev-parse HEAD',
  'git shortlog -s HEAD',
  'git --no-pager log -1',
  'git --version',
]

/** What git would write, read, execute or reach with it. */
const REFUSED = [
  'git log --output=stolen.txt',
  'git log --outp=stolen.txt',
  'git diff --output stolen.txt',
  'git diff --no-index a.txt b.bin',
  'git diff --no-i a.txt b.bin',
  'git diff --ext-diff',
  'git diff --ext',
  'git log -p --textconv',
  'git log -p --textc',
  'git show --textconv HEAD',
  'git -c core.pager=./evil log',
  'git -c core.fsmonitor=./evil status',
  'git -ccore.fsmonitor=./evil status',
  'git --config-env=core.pager=X log',
  'git --exec-path=. status',
  'git --exec-path status',
  'git -C src status',
  'git -Csrc status',
  'git --git-dir=x status',
  'git --git-dir x status',
  'git --work-tree=src status',
  'git --namespace=x log',
  'git -p log',
  'git --paginate log',
  'git log -Oa.txt',
  'git diff -O a.txt',
  'git diff -pOa.txt',
  'git grep -O changed',
  'git grep -Oless changed',
  'git grep -nOless changed',
  'git grep --open-files-in-pager=./evil changed',
  'git grep --open changed',
  'git grep --no-index SECRET',
  'git grep --untracked SECRET',
  'git grep --no-exclude-standard SECRET',
  'git grep -f .env',
  'git grep -f.env',
  'git grep --recurse-submodules inner',
  'git log --grep -- --output=stolen.txt',
  'git log -- --output=stolen.txt',
  'git status --help',
  'git log --help',
  'git help log',
  'git log --alternate-refs',
  'git log --alternate',
  'git log --show-signature',
  'git describe --always --dirty',
  'git describe --always --broken',
  'git log --remerge-diff -p',
  'git show --diff-merges=remerge HEAD',
  'git diff --submodule=diff',
  'git diff --ignore-submodules=none',
  'git cat-file --filters HEAD:a.txt',
  'git cat-file --textconv HEAD:a.txt',
  'git show HEAD:.env',
  'git show :.env',
  'git show :0:.env',
  'git show HEAD:src/../.env',
  'git log -p -- .env',
  "git log -p -- ':(top).env'",
  "git log -p -- ':(icase).ENV'",
  'git log -L1,1:.env',
  'git diff HEAD -- .env',
  'git blame .env',
  'git blame --contents .env a.txt',
  'git blame --contents=/etc/passwd a.txt',
  'git blame -S/etc/passwd a.txt',
  'git diff /etc/passwd a.txt',
  'git diff -- ../executed',
  'git log -- /etc',
  'git status --pathspec-from-file=a.txt',
  'git log -p -- .git/config',
  'git st',
  'git commit -m x',
  'git add a.txt',
  'git checkout a.txt',
  'git fetch',
  'git push',
  'git clone x y',
  'git init x',
  'git config -l',
  'git difftool -x ./evil',
  'git submodule foreach ./evil',
  'git bisect run ./evil',
  'git rebase --exec ./evil HEAD~1',
  'git filter-branch HEAD',
  'git archive HEAD',
  'git stash',
  'git stash pop',
  'git remote show origin',
  'git remote add x y',
  'git upload-pack .',
  'git instaweb',
  'git branch --edit-description',
  'GIT_DIR=x git status',
  'GIT_EXTERNAL_DIFF=./evil git diff',
]

describe('git from the list', () => {
  it('would execute what is planted if it ran as it comes', async () => {
    await git(repository.path, 'diff').catch(() => undefined)
    await git(repository.path, 'status').catch(() => undefined)
    expect((await repository.executed()).length).toBeGreaterThan(3)
    await clearMarks()
  })

  it.each(HARMLESS)('runs %s and executes nothing that is planted', async (command) => {
    const { output, exitCode } = await run(command)
    expect(await repository.executed()).toEqual([])
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 })
  })

  it.each(['git status -v -v', 'git stash show -p', 'git branch --merged main --format=x', 'git tag -s x -m y'])(
    'executes nothing that is planted even where git fails: %s',
    async (command) => {
      await run(command)
      expect(await repository.executed()).toEqual([])
    },
  )

  it('takes no lock to tell the status', async () => {
    const index = join(repository.path, '.git', 'index')
    const before = await readFile(index)
    await utimes(join(repository.path, '.env'), 1, 1)
    await run('git status')
    expect(await readFile(index)).toEqual(before)
  })

  it('shows what changed all the same', async () => {
    expect((await run('git diff')).output).toMatch(/-main\n\+changed/)
    expect((await run('git status --short')).output).toContain(' M a.txt')
  })

  it.each(REFUSED)('refuses %s', async (command) => {
    expect(await check(command)).toMatchObject({ kind: 'refused' })
  })
})

describe('where git is run', () => {
  it('compares no files where there is no repository', async () => {
    const plain = join(directory.path, 'plain')
    await mkdir(plain)
    await writeFile(join(plain, 'x'), '1\n')
    expect(await check('git diff x x', plain)).toMatchObject({
      reason: 'there is no git repository here, and git diff would read any files',
    })
    expect(await check('git grep x', plain)).toMatchObject({ kind: 'refused' })
    expect((await run('git status', plain)).output).toContain('not a git repository')
  })

  it('compares no directories of which one is outside the work tree', async () => {
    const [clean, elsewhere] = [join(directory.path, 'clean'), join(directory.path, 'elsewhere')]
    await Promise.all([mkdir(clean), mkdir(elsewhere)])
    await git(clean, 'init', '-q')
    await writeFile(join(clean, '.env'), 'SECRET=untracked\n')
    const options = { cwd: clean, env, timeoutMs: 20_000, signal: new AbortController().signal }
    expect((await runWords(['git', 'diff', elsewhere, '.'], options)).output).toContain('SECRET=untracked')
    const both = ['.', elsewhere]
    expect(await check(`git diff ${elsewhere} .`, clean, both)).toMatchObject({
      reason: `${elsewhere} is not in the work tree of the repository`,
    })
    expect(await check('git diff -- ../elsewhere .', clean, both)).toMatchObject({ kind: 'refused' })
    expect(await check(`git diff ${join(clean, 'x')} .`, clean, both)).toMatchObject({ kind: 'listed' })
  })

  it('refuses a work tree, a repository or a configured work tree outside the sandbox', async () => {
    const inside = join(repository.path, 'src')
    expect(await check('git log', inside)).toMatchObject({
      reason: expect.stringContaining('the git repository is not in the sandbox'),
    })
    expect(await check('git log', inside, ['.', repository.path])).toMatchObject({ kind: 'listed' })

    const pointing = join(directory.path, 'pointing')
    await mkdir(pointing)
    await writeFile(join(pointing, '.git'), `gitdir: ${join(repository.path, '.git')}\n`)
    expect(await check('git log -p', pointing)).toMatchObject({ kind: 'refused' })

    const wide = join(directory.path, 'wide')
    await mkdir(wide)
    await git(wide, 'init', '-q')
    await git(wide, 'config', 'core.worktree', directory.path)
    expect(await check('git status', wide)).toMatchObject({ kind: 'refused' })
  })

  it('looks into no bare repository, which anybody can plant as files', async () => {
    const bare = join(directory.path, 'bare')
    await mkdir(bare)
    await git(bare, 'init', '-q', '--bare')
    const checked = await check('git log', bare)
    if (checked.kind === 'listed') expect((await run('git log', bare)).output).toContain('bare repository')
    expect(await check('git log', join(repository.path, '.git'), [directory.path])).toMatchObject({ kind: 'refused' })
  })

  it('takes no program from a directory that PATH names relatively', async () => {
    await writeFile(join(repository.path, 'git'), '#!/bin/sh\n', { mode: 0o755 })
    const checked = await checkCommand('git status', allowList(['git status']), {
      sandbox: new Sandbox({ cwd: repository.path, directories: ['.'], protectedPaths: [] }),
      cwd: repository.path,
      env: { ...env, PATH: `.::${env.PATH}` },
    })
    if (checked.kind !== 'listed') throw new Error('refused')
    expect(checked.invocation.env.PATH).toBe(env.PATH)
    await rm(join(repository.path, 'git'))
  })
})
