import Sqlite from 'better-sqlite3'
import type { PlaceOptions } from '../places.ts'
import { details, entry } from '../samples.ts'
import { CONVERSATION, TEMPLATE, type Yardstick } from './yardstick.ts'

type Columns = Record<string, string | number | null>

/**
 * better-sqlite3 with the pragmas of the backend (WAL, `synchronous = full`) and prepared statements; several in one
 * BEGIN IMMEDIATE, a single one by itself. The triggers of the schema run as they do for us.
 *
 * - append: update the conversation from the expected length, insert the entry
 * - createJob: insert the definition, insert the state
 * - changeJob: update prompt and time of the definition
 * - addCommand: insert the line
 */
export function sqliteYardstick({ path }: PlaceOptions['sqlite']): Yardstick {
  const db = new Sqlite(path)
  db.pragma('journal_mode = wal')
  db.pragma('synchronous = full')
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const together = (work: () => void) => {
    begin.run()
    work()
    commit.run()
  }
  const insertOf = (table: string, columns: Columns) => {
    const names = Object.keys(columns)
    return db.prepare(`insert into ${table} (${names.join(', ')}) values (@${names.join(', @')})`)
  }
  const { row_token: _, ...job } = db
    .prepare('select * from infer_scheduled_jobs where id = ?')
    .get(TEMPLATE) as Columns
  const state = db.prepare('select * from infer_job_states where job_id = ?').get(TEMPLATE) as Columns
  const { document } = db.prepare(`select document from infer_conversations where id = '${CONVERSATION}'`).get() as {
    document: string
  }
  const insertJob = insertOf('infer_scheduled_jobs', job)
  const insertState = insertOf('infer_job_states', state)
  const updateJob = db.prepare('update infer_scheduled_jobs set prompt = ?, updated_at = ? where id = ?')
  const updateConversation = db.prepare(
    `update infer_conversations set entry_count = ?, updated_at = ?, title_generated = 0, document = ?
      where id = '${CONVERSATION}' and entry_count = ?`,
  )
  const insertEntry = db.prepare(
    `insert into infer_conversation_entries (conversation_id, seq, document) values ('${CONVERSATION}', ?, ?)`,
  )
  const insertCommand = db.prepare('insert into infer_shell_history (command) values (?)')
  return {
    async append(length) {
      const updatedAt = details(length).updatedAt.toISOString()
      together(() => {
        updateConversation.run(length + 1, updatedAt, document, length)
        insertEntry.run(length, JSON.stringify(entry(length)))
      })
    },
    async createJob(id) {
      together(() => {
        insertJob.run({ ...job, id })
        insertState.run({ ...state, job_id: id })
      })
    },
    async changeJob(id, prompt) {
      updateJob.run(prompt, job.updated_at, id)
    },
    async addCommand(command) {
      insertCommand.run(command)
    },
    async [Symbol.asyncDispose]() {
      db.close()
    },
  }
}
