import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { ToolError } from '#agent/tool.ts'
import type { Sandbox } from '#agent/tools/sandbox.ts'
import { gitEnvironment } from './git-config.ts'
import { gitProblem, hardenedWords, subcommandIndex } from './git-options.ts'
import { pathsIn } from './path-words.ts'

const execute = promisify(execFile)

/** For the two questions to git before the command; a configuration that takes longer is not trusted. */
const LOOK_MS = 10_000
const LONGEST_CONFIG = 16 * 1024 * 1024

/** A program with its arguments, and all of its environment. */
export interface Invocation {
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export interface GuardOptions {
  readonly sandbox: Pick<Sandbox, 'resolve'>
  /** Absolute. */
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

export function isGit(program: string): boolean {
  return /^git(\.exe)?$/i.test(basename(program))
}

/**
 * A git command that can be run from a list: the subcommand only looks, no option writes, executes or leaves the
 * repository, and the repository with its work tree is inside the sandbox. The environment and some added options
 * switch off what the repository's configuration and attributes could execute.
 *
 * What is committed is not hidden: `git log -p` shows it, also of a protected path. Only words that name such a path
 * are refused. Throws a ToolError that says why.
 */
export async function guardGit(words: readonly string[], options: GuardOptions): Promise<Invocation> {
  const problem = gitProblem(words)
  if (problem !== undefined) throw new ToolError(problem)
  const { cwd } = options
  const env = gitEnvironment(options.env, [])
  const [top, names] = await Promise.all([workTree({ ...options, env }), configNames({ cwd, env })])
  if (top === undefined) refuseOutside(words)
  else {
    await refusePathsFrom(top, words, options)
    await refuseForeignDiff(top, words, cwd)
  }
  return { words: hardenedWords(words), env: gitEnvironment(options.env, names) }
}

/** Without a repository these compare and search any files. */
function refuseOutside(words: readonly string[]): void {
  const subcommand = words[subcommandIndex(words) ?? 0] ?? ''
  if (subcommand === 'diff' || subcommand === 'grep') {
    throw new ToolError(`there is no git repository here, and git ${subcommand} would read any files`)
  }
}

/** With a path outside the work tree `git diff` compares any two directories, and shows all files in them. */
async function refuseForeignDiff(top: string, words: readonly string[], cwd: string): Promise<void> {
  if (words[subcommandIndex(words) ?? 0] !== 'diff') return
  const here = await realpath(cwd)
  const foreign = words.find((word) => !word.startsWith('-') && !isBelow(top, resolve(here, word)))
  if (foreign !== undefined) throw new ToolError(`${foreign} is not in the work tree of the repository`)
}

function isBelow(top: string, path: string): boolean {
  const way = relative(top, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** Paths behind a colon (`HEAD:PATH`) are relative to the top of the work tree. */
async function refusePathsFrom(top: string, words: readonly string[], { sandbox }: GuardOptions): Promise<void> {
  const paths = words.filter((word) => word.includes(':')).flatMap(pathsIn)
  for (const path of paths) await sandbox.resolve(resolve(top, path))
}

/** The top of the work tree; undefined without a repository. Throws when either is outside the sandbox. */
async function workTree({ sandbox, cwd, env }: GuardOptions): Promise<string | undefined> {
  const asked = ['rev-parse', '--absolute-git-dir', '--git-common-dir', '--show-toplevel']
  const { stdout, failed } = await git(asked, { cwd, env })
  if (failed && stdout === '') return undefined
  const [gitDirectory, common, top, ...more] = stdout.split('\n')
  if (failed || gitDirectory === undefined || common === undefined || !top || more.join('') !== '') {
    throw new ToolError('this is not the work tree of a git repository')
  }
  for (const directory of [gitDirectory, resolve(cwd, common)]) {
    await insideSandbox(aroundDotGit(directory), sandbox)
  }
  return await insideSandbox(top, sandbox)
}

async function insideSandbox(directory: string, sandbox: Pick<Sandbox, 'resolve'>): Promise<string> {
  await sandbox.resolve(directory).catch((error: unknown) => {
    throw new ToolError(`the git repository is not in the sandbox: ${error instanceof Error ? error.message : ''}`)
  })
  return directory
}

/** `.git` is always protected; whose it is, is what counts. */
function aroundDotGit(directory: string): string {
  const parts = directory.split(sep)
  const at = parts.indexOf('.git')
  if (at === -1) return directory
  return at === 1 ? sep : join(dirname(parts.slice(0, at + 1).join(sep)))
}

async function configNames(where: Pick<GuardOptions, 'cwd' | 'env'>): Promise<string[]> {
  const { stdout, failed } = await git(['config', '--null', '--name-only', '--list'], where)
  if (failed) throw new ToolError('the configuration of git cannot be read')
  return [...new Set(stdout.split('\0'))].filter((name) => name !== '')
}

async function git(
  args: readonly string[],
  { cwd, env }: Pick<GuardOptions, 'cwd' | 'env'>,
): Promise<{ stdout: string; failed: boolean }> {
  const options = { cwd, env, timeout: LOOK_MS, maxBuffer: LONGEST_CONFIG, encoding: 'utf8' as const }
  try {
    const { stdout } = await execute('git', args, options)
    return { stdout, failed: false }
  } catch (error) {
    if (!(error instanceof Error) || ('code' in error && error.code === 'ENOENT')) {
      throw new ToolError('git is not installed here')
    }
    return { stdout: 'stdout' in error ? String(error.stdout) : '', failed: true }
  }
}
