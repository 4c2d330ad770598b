import type { ConversationDetails, ConversationEntry } from '#storage/contract/conversations.ts'
import type { JsonValue } from '#storage/contract/json.ts'

/**
 * Where the metadata keeps the results of calls whose predecessors still run. A conversation holds results in the
 * order of the calls and only grows at its end, so what finished early has no place in it yet.
 */
const KEY = 'early_results'

/** The metadata with these early results and no others. */
export function withEarlyResults(
  details: ConversationDetails,
  results: readonly ConversationEntry[],
): ConversationDetails {
  const { [KEY]: _, ...extra } = details.extra
  return { ...details, extra: results.length === 0 ? extra : { ...extra, [KEY]: [...results] } }
}

/** The early results that a run has left behind for calls of the last turn, in the order of the calls. */
export function earlyResults(details: ConversationDetails, entries: readonly ConversationEntry[]): ConversationEntry[] {
  const kept = details.extra[KEY]
  if (!Array.isArray(kept)) return []
  const turn = entries.findLastIndex(({ message }) => message.role !== 'tool')
  const calls = entries[turn]?.message.tool_calls
  if (!Array.isArray(calls)) return []
  const answered = new Set(entries.slice(turn + 1).map(({ message }) => message.tool_call_id))
  return calls.flatMap((call) => {
    const id = typeof call === 'object' && call !== null && !Array.isArray(call) ? call.id : undefined
    if (id === undefined || answered.has(id)) return []
    return kept.filter((one) => isEntry(one) && one.message.tool_call_id === id).slice(0, 1) as ConversationEntry[]
  })
}

function isEntry(value: JsonValue): value is ConversationEntry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { message } = value
  return typeof message === 'object' && message !== null && !Array.isArray(message)
}
