import pg from 'pg'
import type { PlaceOptions } from '../places.ts'
import { details, entry } from '../samples.ts'
import { CONVERSATION, TEMPLATE, type Yardstick } from './yardstick.ts'

type Columns = Record<string, string | number | boolean | Date | null>

/**
 * pg with one client and one prepared statement for each write, which is a transaction by itself: one round trip and
 * one commit. The deferred trigger of the schema (generation, NOTIFY) runs in that commit as it does for us.
 *
 * - append: update the conversation from the expected length, and from it insert the entry
 * - createJob: insert the state, and with it the definition
 * - changeJob: update prompt and time of the definition
 * - addCommand: insert the line
 */
export async function postgresYardstick({ url }: PlaceOptions['postgres']): Promise<Yardstick> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const rowOf = async (query: string): Promise<Columns> => (await client.query(query)).rows[0]
  const job = await rowOf(`select * from infer.scheduled_jobs where id = '${TEMPLATE}'`)
  const state = await rowOf(`select * from infer.job_states where job_id = '${TEMPLATE}'`)
  const { document } = await rowOf(`select document from infer.conversations where id = '${CONVERSATION}'`)
  const names = (columns: Columns) => Object.keys(columns).join(', ')
  const places = (columns: Columns, first: number) =>
    Object.keys(columns)
      .map((_, index) => `$${first + index}`)
      .join(', ')
  const texts = {
    append: `with changed as (
        update infer.conversations set entry_count = $1, updated_at = $2, title_generated = false, document = $3
        where id = '${CONVERSATION}' and entry_count = $4 returning id
      ) insert into infer.conversation_entries (conversation_id, seq, document) select id, $4, $5 from changed`,
    create: `with state as (
        insert into infer.job_states (${names(state)}) values (${places(state, 1)})
      ) insert into infer.scheduled_jobs (${names(job)}) values (${places(job, 1 + Object.keys(state).length)})`,
    change: 'update infer.scheduled_jobs set prompt = $1, updated_at = $2 where id = $3',
    add: 'insert into infer.shell_history (command) values ($1)',
  }
  const run = async (name: keyof typeof texts, ...values: unknown[]) => {
    await client.query({ name, text: texts[name], values })
  }
  return {
    async append(length) {
      await run('append', length + 1, details(length).updatedAt, document, length, JSON.stringify(entry(length)))
    },
    async createJob(id) {
      await run('create', ...Object.values({ ...state, job_id: id }), ...Object.values({ ...job, id }))
    },
    async changeJob(id, prompt) {
      await run('change', prompt, job.updated_at, id)
    },
    async addCommand(command) {
      await run('add', command)
    },
    async [Symbol.asyncDispose]() {
      await client.end()
    },
  }
}
