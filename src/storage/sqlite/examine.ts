import { statSync } from 'node:fs'
import type { Damage } from '#storage/contract/damage.ts'
import type { SqlDatabase } from '#storage/sql/database.ts'
import { raw } from '#storage/sql/statement.ts'

/** What SQLite itself finds wrong with the file, and who else may read it. */
export async function examineDatabaseFile(path: string, db: SqlDatabase): Promise<Damage[]> {
  const damage: Damage[] = []
  for (const row of await db.read(raw('pragma quick_check'))) {
    const said = String(Object.values(row)[0])
    if (said === 'ok') continue
    const cure = `end every infer, then: sqlite3 ${path} .recover | sqlite3 NEW, and put NEW in its place`
    damage.push({ domain: 'schema', id: path, problem: `SQLite finds the file damaged: ${said}`, cure })
  }
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o077) !== 0) {
    const problem = `others may read or change the file (mode ${mode.toString(8).padStart(4, '0')})`
    damage.push({ domain: 'schema', id: path, problem, cure: `chmod 600 ${path}` })
  }
  return damage
}
