import type { JsonObject } from '#storage/contract/json.ts'
import type { SessionGroup } from '#storage/contract/session-groups.ts'
import { compact, DocumentError, defined, field } from './fields.ts'

/** A session group with the keys of the historical `session_groups.json`. */
export function groupToDocument(group: SessionGroup): JsonObject {
  return compact({
    current_session_id: group.currentSessionId,
    history: group.history,
    last_rollover: group.lastRollover?.toISOString(),
    updated_at: group.updatedAt.toISOString(),
  })
}

/** Throws DocumentError. */
export function groupFromDocument(doc: JsonObject): SessionGroup {
  const history = field.list(doc, 'history').map((id) => {
    if (typeof id !== 'string') throw new DocumentError('history should be a list of session ids')
    return id
  })
  return defined<SessionGroup>({
    currentSessionId: field.text(doc, 'current_session_id'),
    history,
    lastRollover: field.optionalDate(doc, 'last_rollover'),
    updatedAt: field.date(doc, 'updated_at'),
  })
}
