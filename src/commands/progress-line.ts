import { type AgentLine, summariseCall } from '#agent/protocol.ts'
import { oneLine } from '#terminal/escapes.ts'

/** Longest part of a tool's answer that is shown, in characters. */
const SHOWN = 100

/**
 * What somebody who watches a run reads about a line of the agent; undefined for what they know (the prompt) or are
 * told at the end (the last answer, an error).
 */
export function progressLine(line: AgentLine): string | undefined {
  if ('role' in line) {
    if (line.role === 'tool') return `  ${cut(oneLine(line.content))}`
    if (line.role === 'user' || line.tool_calls === undefined) return undefined
    const calls = line.tool_calls.map((call) => `> ${oneLine(summariseCall(call))}`)
    return [...(line.content === '' ? [] : [line.content]), ...calls].join('\n')
  }
  switch (line.type) {
    case 'info':
      // Without a session it is the text that a tool ended the run with.
      return line.session_id === undefined ? undefined : `Session ${line.session_id} with ${line.model ?? 'no model'}.`
    case 'warning':
      return `warning: ${oneLine(line.message)}`
    case 'session_stats':
      return `Requests: ${line.requests}, tool calls: ${line.tool_calls}, tokens: ${line.total_tokens}, ${line.duration_ms} ms.`
    case 'agent_error':
    case 'approval_request':
      return undefined
  }
}

function cut(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2))
  return characters.length <= SHOWN ? text : `${characters.slice(0, SHOWN).join('')}...`
}
