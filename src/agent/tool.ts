import type { ToolCall } from '#gateway/model.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'

export type Mode = 'standard' | 'plan' | 'auto'

/** A failure that the model is told in these words, and may do something about. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}

export interface ToolContext {
  /** Aborted when the run is to stop; a tool then ends what it has begun. */
  readonly signal: AbortSignal
  readonly call: ToolCall
}

export interface ToolResult {
  readonly data: JsonValue
  /** When given, the run ends after this turn, and this is its output. */
  readonly endsRun?: string
  /** When given, a person refused what the tool had to show; the data is not told. */
  readonly rejected?: { readonly feedback?: string }
}

/** Something that the model may do. The arguments of every method are what `parse` returned. */
export interface Tool<Arguments = unknown> {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The key that switches its approval off, such as `tools.schedule.require_approval`; for the message of a refusal. */
  readonly approvalKey?: string
  /** What else allows a call, such as "add its host to …"; without it the message says to set the key to false. */
  readonly approvalAdvice?: string

  /** Throws a ToolError that names what is wrong. */
  parse(args: JsonObject): Arguments
  /** Whether this very call must be approved in mode standard. */
  needsApproval(args: Arguments): boolean | Promise<boolean>
  /** Why this very call is refused whoever would approve it; undefined when it is not. */
  blocks?(args: Arguments): Promise<string | undefined>
  /**
   * Checks what can be checked before anybody is asked, and says what the call amounts to. Changes nothing. Throws a
   * ToolError for a call that cannot succeed.
   */
  prepare?(args: Arguments): Promise<string | undefined>
  /** Throws a ToolError, or whatever went wrong. */
  run(args: Arguments, context: ToolContext): Promise<ToolResult>
}

/** A tool whose arguments' type is its own affair. */
// biome-ignore lint/suspicious/noExplicitAny: parse makes exactly what the other methods take
export type AnyTool = Tool<any>
