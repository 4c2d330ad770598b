import type { ImportRecord } from '#storage/contract/coordination.ts'

/** What names a record among those of its kind; lines of the history each have a name of their own. */
export function importedId(record: ImportRecord): string {
  switch (record.kind) {
    case 'job':
      return record.job.id
    case 'plan':
      return record.plan.id
    case 'conversation':
      return record.conversation.metadata.id
    case 'session_group':
      return record.groupKey
    case 'history':
    case 'seen':
      return record.key
  }
}
