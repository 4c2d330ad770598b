import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'
import { checkText } from '#storage/rules/check.ts'
import type { Dialect, SqlDatabase, Steps } from './database.ts'
import { type Statement, sql } from './statement.ts'

export function shellHistory(db: SqlDatabase, location: string): ShellHistoryStorage {
  const { backend, dialect } = db
  return {
    location,
    async append(command) {
      checkText(backend, 'command', command)
      await db.write(insertCommand(dialect, command))
    },
    async appendAll(commands) {
      for (const command of commands) checkText(backend, 'command', command)
      await db.transaction(function* (): Steps<void> {
        for (const command of commands) yield insertCommand(dialect, command)
      })
    },
    async load(limit) {
      const rows = await db.read(
        sql`select command from ${dialect.tables.shell_history} order by id desc ${dialect.limit(limit)}`,
      )
      return rows.map((row) => String(row.command)).reverse()
    },
  }
}

export function insertCommand({ tables }: Dialect, command: string): Statement {
  return sql`insert into ${tables.shell_history} (command) values (${command})`
}
