import type { ToolCall } from '#gateway/model.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { Authorise } from './approval.ts'
import { cleanJson, cleanText } from './clean-text.ts'
import { type AnyTool, ToolError } from './tool.ts'

/** What became of a tool call. Times in ms. */
export type ToolOutcome = { readonly arguments: JsonValue; readonly durationMs: number } & (
  | { readonly kind: 'result'; readonly data: JsonValue; readonly endsRun?: string }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'rejected'; readonly feedback?: string }
  | { readonly kind: 'blocked'; readonly reason: string }
)

export interface CallDependencies {
  readonly tools: ReadonlyMap<string, AnyTool>
  readonly authorise: Authorise
  /** Runs right before the tool does; throwing means that no call may begin any more. */
  readonly beforeCall: () => Promise<void>
  readonly signal: AbortSignal
}

/** Why a call was not begun that is not the model's affair: `beforeCall` refused. */
export class CallsForbidden extends Error {
  override readonly name = 'CallsForbidden'
}

/**
 * Carries out one call: arguments, checks, approval, `beforeCall`, the tool itself.
 *
 * Everything that goes wrong is an outcome for the model. Only a refusal of `beforeCall` is thrown (CallsForbidden,
 * with the refusal as its cause).
 */
export async function carryOut(call: ToolCall, dependencies: CallDependencies): Promise<ToolOutcome> {
  const { signal } = dependencies
  const started = performance.now()
  let args: JsonObject = {}
  const outcome = (end: End): ToolOutcome => ({
    arguments: cleanJson(args),
    durationMs: performance.now() - started,
    ...end,
  })
  try {
    signal.throwIfAborted()
    const tool = find(dependencies.tools, call.function.name)
    args = parseArguments(call)
    return outcome(await carry(tool, tool.parse(args), call, dependencies))
  } catch (error) {
    if (error instanceof CallsForbidden) throw error
    return outcome({ kind: 'failed', error: signal.aborted ? 'the run was stopped before it ended' : wordsOf(error) })
  }
}

type End =
  | { kind: 'result'; data: JsonValue; endsRun?: string }
  | { kind: 'failed'; error: string }
  | { kind: 'rejected'; feedback?: string }
  | { kind: 'blocked'; reason: string }

async function carry(tool: AnyTool, args: unknown, call: ToolCall, dependencies: CallDependencies): Promise<End> {
  const { authorise, beforeCall, signal } = dependencies
  const description = await tool.prepare?.(args)
  const verdict = await authorise({ call, tool, args, description }, signal)
  signal.throwIfAborted()
  if (verdict.kind !== 'allowed') return verdict
  await beforeCall().catch((cause: unknown) => {
    throw new CallsForbidden('no further call may begin', { cause })
  })
  signal.throwIfAborted()
  const { data, endsRun, rejected } = await withinGrace(tool.run(args, { signal, call }), signal)
  if (rejected) return { kind: 'rejected', ...rejected }
  return { kind: 'result', data: cleanJson(data), ...(endsRun === undefined ? {} : { endsRun }) }
}

/** What a tool has to end by itself, in ms, once the run is stopped; after that it is no longer waited for. */
const STOP_GRACE_MS = 5_000

async function withinGrace<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    timer = setTimeout(() => late.reject(signal.reason), STOP_GRACE_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, late.promise])
  } finally {
    signal.removeEventListener('abort', stop)
    clearTimeout(timer)
  }
}

function find(tools: ReadonlyMap<string, AnyTool>, name: string): AnyTool {
  const tool = tools.get(name)
  if (tool) return tool
  const names = [...tools.keys()]
  const known = names.length === 0 ? 'there are no tools here' : `the tools here are ${names.join(', ')}`
  throw new ToolError(`there is no tool ${JSON.stringify(name)}; ${known}`)
}

function parseArguments(call: ToolCall): JsonObject {
  const text = call.function.arguments.trim()
  if (text === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ToolError('the arguments are not valid JSON; send them again, complete')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new ToolError('the arguments are not a JSON object')
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const hint = 'hint' in error && typeof error.hint === 'string' ? ` (${error.hint})` : ''
  return `${error.message}${hint}`
}

/** The record of a call as conversations keep it; the duration in nanoseconds, as the Go CLI counts. */
export function executionRecord(name: string, outcome: ToolOutcome): JsonObject {
  const error = problemOf(outcome)
  return {
    tool_name: cleanText(name),
    arguments: outcome.arguments,
    success: outcome.kind === 'result',
    duration: Math.round(outcome.durationMs * 1e6),
    ...(error === undefined ? {} : { error: cleanText(error) }),
    ...(outcome.kind === 'result' ? { data: outcome.data } : {}),
    ...(outcome.kind === 'rejected' ? { rejected: true } : {}),
  }
}

function problemOf(outcome: ToolOutcome): string | undefined {
  switch (outcome.kind) {
    case 'result':
      return undefined
    case 'failed':
      return outcome.error
    case 'rejected':
      return 'rejected by the user'
    case 'blocked':
      return outcome.reason
  }
}

/** What the model is told. */
export function toolMessage(name: string, outcome: ToolOutcome): string {
  switch (outcome.kind) {
    case 'result':
      return `Result of tool call: ${JSON.stringify(executionRecord(name, outcome))}`
    case 'failed':
      return cleanText(`Tool execution failed: ${outcome.error}`)
    case 'rejected':
      return cleanText(
        `Tool '${name}' was rejected by the user.${outcome.feedback ? ` They said: ${outcome.feedback}` : ''}`,
      )
    case 'blocked':
      return cleanText(`Blocked: ${outcome.reason}`)
  }
}
