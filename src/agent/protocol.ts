/**
 * The lines of `infer agent`: one JSON document a line, on stdout nothing else, with `--require-approval` also on stdin.
 *
 * The keys are those of the Go CLI, so that programs which read it read us. Status lines have `type`, messages have
 * `role`. Times are ISO 8601 in UTC. Fields that are not known are left out.
 */

export interface InfoLine {
  type: 'info'
  message: string
  session_id?: string
  model?: string
  /** Messages that a resumed session already has. */
  message_count?: number
  /** The two conversations of a rollover; the message then begins with `Rolled over to new session`. */
  previous_session_id?: string
  new_session_id?: string
  timestamp: string
}

export interface WarningLine {
  type: 'warning'
  message: string
  timestamp: string
}

/** Comes before every exit with a code other than 0. */
export interface ErrorLine {
  type: 'agent_error'
  message: string
  /** What to do about it. */
  hint?: string
  timestamp: string
}

/** The last line. */
export interface StatsLine {
  type: 'session_stats'
  message: 'Session complete'
  session_id: string
  model: string
  requests: number
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  tool_calls: number
  duration_ms: number
  cost: { input: number; output: number; total: number; currency: string }
  timestamp: string
}

/** A question that stdin answers with an approval_response of the same id. */
export interface ApprovalRequestLine {
  type: 'approval_request'
  tool_name: string
  /** The JSON text that the model wrote, never cut. */
  tool_args: string
  tool_call_id: string
  /** What it amounts to, for the person who decides, where the arguments alone do not say it. */
  description?: string
}

export type StatusLine = InfoLine | WarningLine | ErrorLine | StatsLine | ApprovalRequestLine

export interface WireToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export interface UserLine {
  role: 'user'
  content: string
  timestamp: string
}

export interface AssistantLine {
  role: 'assistant'
  content: string
  reasoning_content?: string
  tool_calls?: WireToolCall[]
  /** The calls for people, such as `Read(file_path=a.txt)`. */
  tools?: string[]
  token_usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
  timestamp: string
  request_id: string
}

export interface ToolLine {
  role: 'tool'
  content: string
  tool_call_id: string
  timestamp: string
}

export type MessageLine = UserLine | AssistantLine | ToolLine

/** Everything that may stand on stdout. */
export type AgentLine = StatusLine | MessageLine

export interface TaskLine {
  type: 'task'
  content: string
}

export interface ApprovalResponseLine {
  type: 'approval_response'
  tool_call_id: string
  approved: boolean
  /** What the person said, for the model. */
  feedback?: string
}

/** Everything that may stand on stdin. */
export type InputLine = TaskLine | ApprovalResponseLine

/** The time of a line that is made now. */
export function timestamp(): { timestamp: string } {
  return { timestamp: new Date().toISOString() }
}

/** The text of a line, line end included. */
export function formatLine(line: AgentLine | InputLine): string {
  return `${JSON.stringify(line)}\n`
}

/** Reads a line of stdin; undefined for anything that is no InputLine. Unknown fields are ignored. */
export function parseInputLine(text: string): InputLine | undefined {
  const line = parseObject(text)
  if (line?.type === 'task' && typeof line.content === 'string') return { type: 'task', content: line.content }
  if (line?.type !== 'approval_response') return undefined
  const { tool_call_id, approved, feedback } = line
  if (typeof tool_call_id !== 'string' || typeof approved !== 'boolean') return undefined
  const said = typeof feedback === 'string' && feedback !== '' ? { feedback } : {}
  return { type: 'approval_response', tool_call_id, approved, ...said }
}

const TYPES = new Set<unknown>(['info', 'warning', 'agent_error', 'session_stats', 'approval_request'])
const ROLES = new Set<unknown>(['user', 'assistant', 'tool'])

/** Reads a line of an agent's stdout; undefined for what no agent of ours prints. */
export function parseAgentLine(text: string): AgentLine | undefined {
  const line = parseObject(text)
  return line && (TYPES.has(line.type) || ROLES.has(line.role)) ? (line as unknown as AgentLine) : undefined
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Longest value that a summary shows whole. */
const SHOWN = 60

/** A call in one line for people: `Bash(command=ls)`, each value on one line and cut at 60 characters, in the model's order. */
export function summariseCall(call: { readonly function: Readonly<WireToolCall['function']> }): string {
  const args = parseObject(call.function.arguments)
  if (args === undefined) return `${call.function.name}(${cut(call.function.arguments)})`
  const shown = Object.entries(args).map(([key, value]) => {
    return `${key}=${cut(typeof value === 'string' ? value : JSON.stringify(value))}`
  })
  return `${call.function.name}(${shown.join(', ')})`
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  const characters = Array.from(line.slice(0, 2 * SHOWN + 2))
  return characters.length <= SHOWN ? line : `${characters.slice(0, SHOWN).join('')}...`
}
