/**
 * The keys, all under `infer:`.
 *
 * Definitions stand alone under `infer:schedules:`, so that `redis-cli set` edits one and a keyspace notification
 * means a definition; everything else lies outside that prefix. A run never touches it.
 */
export const keys = {
  /** Number of the schema. */
  schema: 'infer:schema',
  /** Random text, new with each write of a definition. Missing means: look. */
  generation: 'infer:generation',
  /** Prefix of the definitions: JSON text. */
  jobs: 'infer:schedules:',
  /** Hash id -> SHA-1 of the definition as this program wrote it, or `~` and the SHA-1 of one found by looking. */
  jobIndex: 'infer:schedule-index',
  /** Hash job id -> scheduling state, see state-text.ts. */
  states: 'infer:states',
  /** Hash run id -> job id, blank, JSON. */
  runs: 'infer:runs:documents',
  /** Sorted set of run ids by `scheduledFor` in ms. */
  runOrder: 'infer:runs:order',
  /** Prefix of the sorted sets of one job's run ids. */
  runsOf: 'infer:runs:of:',
  /** Prefix of the metadata of a conversation: JSON text. */
  conversations: 'infer:conversations:',
  /** Prefix of the entries of a conversation: a list of JSON texts. */
  entries: 'infer:conversation-entries:',
  /** Sorted set of conversation ids by `updatedAt` in ms. */
  conversationIndex: 'infer:conversation-index',
  /** The same for those that need a title. */
  untitled: 'infer:conversation-untitled',
  /** Hash key -> JSON. */
  groups: 'infer:session-groups',
  /** Hash id -> JSON. */
  plans: 'infer:plans',
  /** List, oldest first. */
  history: 'infer:shell-history',
  /** Prefix of the hashes of coordination documents, one for each kind: key -> token, blank, JSON. */
  coordination: 'infer:coordination:',
  /** Prefix of the ledgers of imports, one hash for each source: record key -> outcome. */
  imports: 'infer:imports:',
} as const

/** Channel on which writes of definitions are told. PUBLISH crosses database numbers, hence the number. */
export function changesChannel(db: number): string {
  return `infer:${db}:changes`
}

/** Pattern of the keyspace notifications of the definitions in one database. */
export function keyspacePattern(db: number): string {
  return `__keyspace@${db}__:${keys.jobs}*`
}
