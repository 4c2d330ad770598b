import type { ChatMessage, ToolCall } from '#gateway/model.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'
import type { JsonObject } from '#storage/contract/json.ts'

/**
 * The stored entries as messages for the model.
 *
 * Gateways refuse a call without a result and a result without a call. A run that was killed, or a conversation that
 * another program wrote, may hold both: a missing result is filled in, and one that answers nothing is left out.
 * Results stand in the order of the calls. The stored entries stay as they are.
 */
export function messagesOf(entries: readonly ConversationEntry[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  /** The calls of the last turn with their results, in the order of the calls. */
  let open = new Map<string, string | undefined>()
  const close = () => {
    for (const [id, content = UNANSWERED] of open) messages.push({ role: 'tool', content, tool_call_id: id })
    open = new Map()
  }
  for (const { message } of entries) {
    const { role } = message
    const content = textOf(message)
    if (role === 'tool') {
      const id = message.tool_call_id
      if (typeof id === 'string' && open.has(id)) open.set(id, open.get(id) ?? content)
      continue
    }
    close()
    if (role === 'user' || role === 'system') messages.push({ role, content })
    if (role !== 'assistant') continue
    const calls = callsOf(message)
    if (content === '' && calls.length === 0) continue
    messages.push({ role, content, ...(calls.length === 0 ? {} : { tool_calls: calls }) })
    open = new Map(calls.map(({ id }) => [id, undefined]))
  }
  close()
  return messages
}

const UNANSWERED =
  'Tool execution failed: the run ended before this call had a result; it may or may not have happened.'

/** Content is text, or a list of parts of which the text ones count. */
function textOf(message: JsonObject): string {
  const { content } = message
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .flatMap((part) => {
      const text = typeof part === 'object' && part !== null && !Array.isArray(part) ? part.text : undefined
      return typeof text === 'string' ? [text] : []
    })
    .join('\n')
}

function callsOf(message: JsonObject): ToolCall[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : []
  return calls.flatMap((call): ToolCall[] => {
    if (typeof call !== 'object' || call === null || Array.isArray(call)) return []
    const { id, function: called } = call
    if (typeof id !== 'string' || typeof called !== 'object' || called === null || Array.isArray(called)) return []
    const { name, arguments: args } = called
    if (typeof name !== 'string' || typeof args !== 'string') return []
    return [{ id, type: 'function', function: { name, arguments: args } }]
  })
}
