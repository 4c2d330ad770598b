import type { Conversation, ConversationEntry } from '#storage/contract/conversations.ts'

/** A conversation as markdown, every message under a heading; texts of tools stand in fences that hold them. */
export function conversationMarkdown({ metadata, entries }: Pick<Conversation, 'metadata' | 'entries'>): string {
  const { id, title, model, createdAt, updatedAt, tokenStats, costStats } = metadata
  const cost = costStats.totalCost > 0 ? [`- Cost: ${costStats.totalCost} ${costStats.currency}`.trimEnd()] : []
  const facts = [
    `- Session: \`${id}\``,
    `- Created: ${createdAt.toISOString()}`,
    `- Updated: ${updatedAt.toISOString()}`,
    ...(model === '' ? [] : [`- Model: ${model}`]),
    `- Tokens: ${tokenStats.totalTokens} in ${tokenStats.requestCount} requests`,
    ...cost,
  ]
  const heading = `# ${(title || id).replaceAll(/\s+/g, ' ')}`
  return `${[heading, facts.join('\n'), ...entries.map(section)].join('\n\n')}\n`
}

const NAMES: Readonly<Record<string, string>> = { user: 'User', assistant: 'Assistant', tool: 'Tool', system: 'System' }

function section({ message, time }: ConversationEntry): string {
  const role = String(message.role ?? '')
  const when = typeof time === 'string' ? ` (${time})` : ''
  const text = typeof message.content === 'string' ? message.content : JSON.stringify(message.content ?? '')
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.map(callText) : []
  const body = role === 'tool' ? fenced(text) : text.trimEnd()
  return [`## ${NAMES[role] ?? role}${when}`, body, ...calls].filter((part) => part !== '').join('\n\n')
}

function callText(call: unknown): string {
  const { function: called, id } = call as { id?: string; function?: { name?: string; arguments?: string } }
  return `Calls \`${called?.name ?? 'tool'}\` (${id ?? ''}):\n\n${fenced(called?.arguments ?? '', 'json')}`
}

/** A fence longer than any run of backticks inside. */
function fenced(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}${text.endsWith('\n') ? '' : '\n'}${fence}`
}
