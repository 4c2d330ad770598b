import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../../scripts/bundle.ts'
import { findBinary } from './binaries.ts'
import { cleanEnvironment } from './environment.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The program as it is installed: run it with `process.execPath`. */
export const INFER = join(ROOT, 'bin/run.cjs')

export interface CliOptions {
  /** On top of an environment without `INFER_*` and NODE_ENV. */
  env?: NodeJS.ProcessEnv
  /** What the pipe on stdin holds; it is empty without. */
  stdin?: string
  /** Without them, directories of their own for this call, removed at its end. */
  cwd?: string
  home?: string
}

export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the real program with the real bundle in a process of its own, stdout and stderr in pipes, to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  await ensureBundle()
  using place = options.cwd !== undefined && options.home !== undefined ? undefined : cliPlace()
  const home = options.home ?? place?.home ?? ''
  const child = spawn(findBinary('setpriv'), ['--pdeathsig=KILL', process.execPath, INFER, ...args], {
    cwd: options.cwd ?? place?.cwd,
    env: cliEnvironment(home, options.env),
    stdio: 'pipe',
  })
  const result: CliResult = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    result.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    result.stderr += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  await once(child, 'close')
  return { ...result, code: child.exitCode }
}

/** The environment of a program with that home; the compile cache is shared by all of the run. */
export function cliEnvironment(home: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const cache = process.env.NODE_COMPILE_CACHE ?? join(ROOT, 'node_modules/.cache/node-compile')
  return cleanEnvironment({ HOME: home, XDG_CACHE_HOME: join(home, '.cache'), NODE_COMPILE_CACHE: cache, ...env })
}

/** A home and a working directory of their own, for calls that belong together. */
export interface CliPlace extends Disposable {
  readonly home: string
  readonly cwd: string
  run(args: readonly string[], options?: Omit<CliOptions, 'cwd' | 'home'>): Promise<CliResult>
  /** `run` with `--json`: the document on stdout; fails when the command does. */
  json(args: readonly string[], options?: Omit<CliOptions, 'cwd' | 'home'>): Promise<unknown>
}

/** Makes a place; `settings` is the environment of all its calls. */
export function cliPlace(settings: NodeJS.ProcessEnv = {}): CliPlace {
  const root = realpathSync(mkdtempSync(join(process.env.INFER_TEST_DIR ?? tmpdir(), 'cli-')))
  const [home, cwd] = [join(root, 'home'), join(root, 'work')]
  mkdirSync(home)
  mkdirSync(cwd)
  const run: CliPlace['run'] = (args, { env, ...options } = {}) =>
    runCli(args, { ...options, env: { ...settings, ...env }, home, cwd })
  return {
    home,
    cwd,
    run,
    async json(args, options) {
      const { code, stdout, stderr } = await run([...args, '--json'], options)
      if (code !== 0) throw new Error(`infer ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true, maxRetries: 3 }),
  }
}

let bundled: Promise<unknown> | undefined

/** Builds the bundle where there is none; `npm test` builds it anew before the tests. */
export async function ensureBundle(): Promise<void> {
  bundled ??= existsSync(join(ROOT, 'dist/cli.cjs')) ? Promise.resolve() : bundle()
  await bundled
}
