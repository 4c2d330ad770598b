import * as z from 'zod/mini'
import { allowList } from '#agent/bash/allow-list.ts'
import { bashEnvironment } from '#agent/bash/bash-environment.ts'
import { type Check, checkCommand } from '#agent/bash/check-command.ts'
import { type CommandResult, runShell, runWords } from '#agent/bash/run-shell.ts'
import { type Mode, type Tool, ToolError } from '#agent/tool.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { parametersOf, parseWith } from './arguments.ts'
import type { Sandbox } from './sandbox.ts'

const schema = z.object({
  command: z.string().check(z.minLength(1), z.describe('The command line.')),
  timeout: z.optional(
    z.number().check(z.gt(0), z.describe('Seconds after which it is ended; at most the configured limit.')),
  ),
  description: z.optional(z.string().check(z.describe('What it does, in a few words.'))),
})

type Arguments = z.output<typeof schema>

export interface BashDependencies {
  readonly mode: Mode
  /** `tools.bash.mode.all.allow` and that of the mode. */
  readonly allow: readonly string[]
  readonly sandbox: Pick<Sandbox, 'resolve'>
  /** `tools.bash.timeout`, in ms. */
  readonly timeoutMs: number
  /** Absolute. */
  readonly cwd: string
  /** Of this process, all of it. */
  readonly env: NodeJS.ProcessEnv
  /** Variables that the configuration substitutes. */
  readonly hiddenVariables: ReadonlySet<string>
  /** Whether somebody can be asked about a command that is not on the list. */
  readonly attended: boolean
}

/**
 * Runs commands: those of the list as they are, others in mode standard once they are approved, in mode auto never.
 * An approved command, and every command where the list holds `.*`, runs in a shell and is not confined.
 */
export function bashTool(dependencies: BashDependencies): Tool<Arguments> {
  const { mode, sandbox, timeoutMs, cwd, hiddenVariables, attended } = dependencies
  const allow = allowList(dependencies.allow)
  const env = bashEnvironment(dependencies.env, hiddenVariables)
  const key = `tools.bash.mode.${mode}.allow`
  const check = (command: string) => checkCommand(command, allow, { sandbox, cwd, env })
  const asks = mode === 'standard' && attended
  /** Checks of calls that are under way; what is run is checked again. */
  const checks = new WeakMap<Arguments, Promise<Check>>()
  /** Calls that run only if a person agrees: once they are run, somebody has. */
  const asked = new WeakSet<Arguments>()

  function checkOnce(args: Arguments): Promise<Check> {
    const known = checks.get(args) ?? check(args.command)
    checks.set(args, known)
    return known
  }

  async function execute(args: Arguments, signal: AbortSignal): Promise<CommandResult> {
    const options = { cwd, env, timeoutMs: Math.min(timeoutMs, (args.timeout ?? Infinity) * 1000), signal }
    if (asked.has(args)) return await runShell(args.command, options)
    const checked = await check(args.command)
    if (checked.kind === 'everything') return await runShell(args.command, options)
    if (checked.kind === 'refused') throw new ToolError(`the command is not run: ${checked.reason}`)
    const { invocation } = checked
    return await runWords(invocation.words, { ...options, env: invocation.env })
  }

  return {
    name: 'Bash',
    description: descriptionOf(allow.everything, dependencies.allow),
    parameters: parametersOf(schema),
    approvalKey: key,
    parse: (args) => parseWith(schema, args),
    async needsApproval(args) {
      if ((await checkOnce(args)).kind !== 'refused') return false
      if (asks) asked.add(args)
      return true
    },
    async blocks(args) {
      const checked = await checkOnce(args)
      return asks || checked.kind !== 'refused' ? undefined : blockedReason(checked, mode, key)
    },
    async prepare(args) {
      const checked = await checkOnce(args)
      if (checked.kind !== 'refused') return undefined
      return `Not run from ${key}: ${checked.reason}.\nIt would run in a shell, not confined to the sandbox:\n\n${args.command}`
    },
    run: async (args, { signal }) => {
      const result = await execute(args, signal)
      signal.throwIfAborted()
      return { data: dataOf(args.command, result) }
    },
  }
}

function descriptionOf(everything: boolean, patterns: readonly string[]): string {
  const what =
    'Runs a command and returns what it prints (stdout and stderr) and its exit code. No terminal, no stdin; '
  const background = 'processes left in the background are ended with the command.'
  if (everything) return `${what}${background}`
  return (
    `${what}${background} Runs without approval: one simple command (no pipes, chains, redirects, $, or file patterns ` +
    `outside quotes; only paths in the sandbox) that matches one of ${patterns.map((one) => JSON.stringify(one)).join(', ')}.`
  )
}

function blockedReason({ reason, matched }: Check & { kind: 'refused' }, mode: Mode, key: string): string {
  const what = `the command is not run from ${key}: ${reason}`
  const ways = [
    ...(mode === 'auto' ? [] : ['run with --mode auto']),
    matched ? `set ${key} to [".*"], which lets every command run` : `add a pattern for the whole command to ${key}`,
  ]
  return `${what}${mode === 'auto' ? '' : '; others need approval and nobody can be asked here'}. To allow it, ${ways.join(' or ')}.`
}

/** As conversations keep it; what follows `exit_code` is there when it says something. */
function dataOf(command: string, result: CommandResult): JsonObject {
  const { output, printed, exitCode, signal, endedBy, leftBehind, durationMs } = result
  return {
    command,
    output,
    exit_code: exitCode ?? null,
    ...(signal !== undefined && { signal }),
    ...(endedBy === 'timeout' && { timed_out: true, note: 'it was ended because its time was up' }),
    ...(leftBehind && { note: 'processes that it left in the background were ended' }),
    ...(printed > output.length && { output_characters: printed }),
    duration: durationMs < 1000 ? `${durationMs.toFixed(3)}ms` : `${(durationMs / 1000).toFixed(3)}s`,
  }
}
