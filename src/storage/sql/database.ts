import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { JobWrite } from '#storage/rules/job-records.ts'
import type { SqlValue, Statement } from './statement.ts'

/** A row as the driver gives it: times are Date or ISO text, flags are booleans or 0 and 1. */
export type Row = Readonly<Record<string, unknown>>

/**
 * A transaction: yields statements and is given their rows. sqlite runs it without a pause, postgres waits for each
 * statement. It may be run again from its beginning, so it changes nothing but the database.
 */
export type Steps<T> = Generator<Statement, T, Row[]>

export const TABLES = [
  'conversations',
  'conversation_entries',
  'session_groups',
  'scheduled_jobs',
  'job_states',
  'job_runs',
  'plans',
  'shell_history',
  'coordination',
  'imports',
  'generations',
  'migrations',
] as const
export type Table = (typeof TABLES)[number]

/** What differs between the engines in statements that both run. */
export interface Dialect {
  readonly tables: Readonly<Record<Table, Statement>>
  /** The store's clock. */
  readonly now: Statement
  /** Ends a `select` whose rows are changed later in the transaction. */
  readonly forUpdate: Statement
  /** A value whose type the engine cannot see from where it stands. */
  readonly cast: (value: SqlValue, type: 'text' | 'boolean' | 'integer' | 'timestamptz') => Statement
  /** A number that changes with every write of the row that `alias` names. */
  readonly rowToken: (alias: string) => Statement
  /** `column` is one of the texts. */
  readonly isOneOf: (column: Statement, texts: readonly string[]) => Statement
  /** `limit`; 0 or less means all. */
  readonly limit: (count: number) => Statement
  /** Inserts many rows in their order, in the fewest statements; the rows that each statement returns together are all. */
  readonly insertRows: (insert: RowsInsert) => Statement[]
  /** Inserts entries of a conversation from `firstSeq` on. */
  readonly insertEntries: (conversationId: string, firstSeq: number, documents: readonly string[]) => Statement[]
}

/** Many rows for one table. */
export interface RowsInsert {
  readonly into: Statement
  readonly columns: readonly (readonly [name: string, type: 'text' | 'boolean' | 'integer' | 'timestamptz'])[]
  /** Values in the order of the columns. */
  readonly rows: readonly (readonly SqlValue[])[]
  /** What follows the values, such as `on conflict do nothing returning id`. */
  readonly end: Statement
}

/** New entries of a conversation, with the row that describes it. */
export interface EntriesWrite {
  id: string
  expectedLength: number
  documents: readonly string[]
  updatedAt: Date
  titleGenerated: boolean
  /** Metadata as JSON text. */
  metadata: string
}

/** The change of one job as the rows see it. */
export interface JobRowsWrite extends Omit<JobWrite, 'version' | 'expectJob'> {
  /** Version of the state row; undefined when there must be none. */
  stateVersion: string | undefined
  /** When given, the definition's row must have this token, or null be absent. */
  jobToken?: string | null
}

/** The definition's row that a save is for: whichever there is, the one with this token, or (null) none. */
export type ExpectedRow = 'any' | { token: string | null }

/** An open database. Every method throws StorageError. */
export interface SqlDatabase {
  readonly backend: 'sqlite' | 'postgres'
  readonly dialect: Dialect
  /** Runs one statement that changes nothing; repeated by itself where a reply was lost. */
  read(statement: Statement): Promise<Row[]>
  /** Runs one statement in a transaction of its own. Statements that change rows say with `returning` which. */
  write(statement: Statement): Promise<Row[]>
  transaction<T>(steps: () => Steps<T>): Promise<T>
  /** Adds entries when the stored length is the expected one, in the fewest steps; false when it is not. */
  appendEntries(write: EntriesWrite): Promise<boolean>
  /** Creates those whose id is free, in one transaction and the fewest steps; gives their ids. */
  createConversations(writes: readonly EntriesWrite[]): Promise<Set<string>>
  /** Changes a job when version and token still stand, in the fewest steps; false when they do not. */
  writeJob(jobId: string, write: JobRowsWrite): Promise<boolean>
  /**
   * Saves a definition in one step where the engine gains by it, and gives the row with its last run. Undefined when
   * nothing was done: the long way, read and `writeJob`, says why or does it.
   */
  saveJob(job: ScheduledJob, expected: ExpectedRow): Promise<Row | undefined>
}
