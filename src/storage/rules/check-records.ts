import type { ConversationDetails, ConversationEntry } from '#storage/contract/conversations.ts'
import type { ImportRecord } from '#storage/contract/coordination.ts'
import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Plan } from '#storage/contract/plans.ts'
import type { SessionGroup } from '#storage/contract/session-groups.ts'
import { checkDate, checkDocument, checkId, checkKey, checkText } from './check.ts'
import { metadataToDocument } from './conversation-document.ts'
import { groupToDocument } from './group-document.ts'
import { checkJob } from './job-storage.ts'

/** Refusals of whole records that some backend could not keep: E_INVALID before any I/O. */

export function checkConversation(
  backend: BackendName,
  id: string,
  details: ConversationDetails,
  entries: readonly ConversationEntry[] = [],
): void {
  checkId(backend, 'conversation', id)
  checkDate(backend, `createdAt of conversation ${id}`, details.createdAt)
  checkDate(backend, `updatedAt of conversation ${id}`, details.updatedAt)
  checkDocument(backend, `metadata of conversation ${id}`, metadataToDocument(id, details, 0))
  checkDocument(backend, `entries of conversation ${id}`, entries)
}

export function checkGroup(backend: BackendName, key: string, group: SessionGroup): void {
  checkKey(backend, 'session group key', key)
  checkDate(backend, `updatedAt of session group ${key}`, group.updatedAt)
  if (group.lastRollover) checkDate(backend, `lastRollover of session group ${key}`, group.lastRollover)
  checkDocument(backend, `session group ${key}`, groupToDocument(group))
}

export function checkPlan(backend: BackendName, plan: Pick<Plan, 'title' | 'body' | 'createdAt'>): void {
  const { title, body, createdAt } = plan
  if (title.trim() === '') throw new StorageError('E_INVALID', backend, 'the title of a plan is empty')
  if (/[\r\n]/.test(title)) throw new StorageError('E_INVALID', backend, 'the title of a plan has more than one line')
  checkText(backend, 'title of a plan', title)
  checkText(backend, 'body of a plan', body)
  checkDate(backend, 'createdAt of a plan', createdAt)
}

export function checkImport(backend: BackendName, record: ImportRecord): void {
  checkKey(backend, 'key of a record', record.key)
  switch (record.kind) {
    case 'seen':
      break
    case 'history':
      checkText(backend, 'command', record.command)
      break
    case 'plan':
      checkId(backend, 'plan', record.plan.id)
      checkPlan(backend, record.plan)
      break
    case 'conversation': {
      const { metadata, entries } = record.conversation
      checkConversation(backend, metadata.id, metadata, entries)
      break
    }
    case 'session_group':
      checkGroup(backend, record.groupKey, record.group)
      break
    case 'job':
      checkJob({ backend }, record.job)
      if (record.lastRun) checkDate(backend, `lastRun of job ${record.job.id}`, record.lastRun)
      if (record.lastError !== undefined) checkText(backend, `lastError of job ${record.job.id}`, record.lastError)
  }
}
