import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { ToolError } from '#agent/tool.ts'
import { CappedOutput } from './capped-output.ts'
import { endGroup, endWithThisProcess, isGroupAlive } from './process-group.ts'

export interface RunOptions {
  /** Absolute. */
  readonly cwd: string
  /** All of it; see `bashEnvironment`. */
  readonly env: NodeJS.ProcessEnv
  readonly timeoutMs: number
  /** Aborting ends the command and everything that it started. */
  readonly signal: AbortSignal
}

export interface CommandResult {
  /** stdout and stderr in the order of their arrival, well-formed; the middle is left out past MAX_OUTPUT. */
  readonly output: string
  /** Characters that the command printed, shown or not. */
  readonly printed: number
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  /** Why it was ended before it was done; undefined when it was not. */
  readonly endedBy: 'timeout' | 'abort' | undefined
  /** It left processes in the background, and these were ended. */
  readonly leftBehind: boolean
  readonly durationMs: number
}

/** For what still holds the pipe when the command has ended: `sleep 100 &`. */
const LINGER_MS = 250
/** For a process that left the group and holds the pipe. */
const DRAIN_MS = 1_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Runs a command line in bash (sh where there is none), unchecked.
 *
 * It has no terminal, an empty stdin and a process group of its own, which is ended when the time is up, when the
 * signal is aborted, when this process exits, and for what is left of it when the command is done. A command that
 * fails is a result. Throws a ToolError when it cannot be started.
 */
export async function runShell(command: string, options: RunOptions): Promise<CommandResult> {
  const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'
  return await run([shell, '-c', command], options)
}

/**
 * Runs a program with exactly these arguments, under the same rules. No shell reads the words: whatever they hold, they
 * are arguments.
 */
export async function runWords(words: readonly string[], options: RunOptions): Promise<CommandResult> {
  return await run(words, options)
}

/** Makes stderr the same pipe as stdout, so that both keep their order, and becomes the program. */
const JOIN = 'exec "$@" 2>&1'

async function run(words: readonly string[], options: RunOptions): Promise<CommandResult> {
  const { cwd, env, timeoutMs, signal } = options
  signal.throwIfAborted()
  const started = performance.now()
  const child = start(words, { cwd, env })
  const output = new CappedOutput()
  child.stdout.on('data', (chunk: Buffer) => output.add(chunk))
  const closed = once(child.stdout, 'close')
  const exited = once(child, 'exit')
  const group = child.pid
  if (group === undefined) {
    const problem = await exited.catch((error: unknown) => error)
    throw new ToolError(`the command cannot be started in ${cwd} (${codeOf(problem)})`)
  }

  using _registered = endWithThisProcess(group)
  let endedBy: CommandResult['endedBy']
  let ending: Promise<void> | undefined
  const stop = (why: CommandResult['endedBy']) => {
    endedBy ??= why
    ending ??= endGroup(group)
  }
  const abort = () => stop('abort')
  const timer = setTimeout(() => stop('timeout'), Math.min(timeoutMs, LONGEST_TIMER_MS))
  signal.addEventListener('abort', abort, { once: true })
  const [code, killedBy] = (await exited.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  })) as [number | null, NodeJS.Signals | null]

  if (ending === undefined) await within(closed, LINGER_MS)
  const leftBehind = ending === undefined && isGroupAlive(group)
  await (leftBehind ? endGroup(group) : ending)
  await drain(child.stdout, closed)
  const shown = output.end()
  return {
    output: shown,
    printed: output.total,
    exitCode: code ?? undefined,
    signal: killedBy ?? undefined,
    endedBy,
    leftBehind,
    durationMs: performance.now() - started,
  }
}

function start(words: readonly string[], { cwd, env }: Pick<RunOptions, 'cwd' | 'env'>) {
  try {
    return spawn('/bin/sh', ['-c', JOIN, 'sh', ...words], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch (error) {
    throw new ToolError(`the command cannot be started (${codeOf(error)})`)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** Waits for the rest of the output, unless somebody keeps the pipe open. */
async function drain(stream: Readable, closed: Promise<unknown>): Promise<void> {
  await within(closed, DRAIN_MS)
  // After a busy second what has arrived is still unread.
  await new Promise((resolve) => setImmediate(resolve))
  stream.removeAllListeners('data')
  stream.destroy()
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, ms)
  await Promise.race([work, late.promise])
  clearTimeout(timer)
}
