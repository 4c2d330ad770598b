import { closeSync, copyFileSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { SqliteOptions } from '#storage/options.ts'
import { sqliteValue } from '#storage/sqlite/dialect.ts'
import { sqliteError } from '#storage/sqlite/errors.ts'
import type { GoData } from './adopt-data.ts'
import { columnsOf, type GoReader, type GoRow, goTables } from './adopt-sql.ts'

/** The tables of the Go CLI in the file; undefined when there is no file. `untouched` as in `readSqlite`. */
export async function openGoSqlite({ path }: SqliteOptions, untouched: boolean): Promise<GoData | undefined> {
  const reader = readSqlite(path, { untouched })
  return reader && goTables(reader)
}

/**
 * A connection that reads a file; undefined when there is none or it is empty. With `untouched` not even a side file
 * appears: a database in WAL mode, or one that is being written, is copied and the copy is read.
 */
export function readSqlite(path: string, { untouched }: { untouched: boolean }): GoReader | undefined {
  if (sizeOf(path) === 0) return undefined
  const copied = untouched && needsCopy(path) ? copyOf(path) : undefined
  const db = opened(copied?.path ?? path, copied === undefined)
  const attempt = (work: () => readonly GoRow[]) => {
    try {
      return work()
    } catch (error) {
      throw sqliteError(error, path)
    }
  }
  return {
    prefix: '',
    read: async (statement) =>
      attempt(() => db.prepare<unknown[], GoRow>(statement.text(() => '?')).all(...statement.values.map(sqliteValue))),
    async columns(tables) {
      const rows = attempt(() =>
        db
          .prepare<unknown[], GoRow>(
            `select m.name as "table", c.name as "column" from sqlite_master m, pragma_table_info(m.name) c
              where m.type = 'table' and m.name in (select value from json_each(?))`,
          )
          .all(JSON.stringify(tables)),
      )
      return columnsOf(rows)
    },
    async [Symbol.asyncDispose]() {
      db.close()
      copied?.remove()
    },
  }

  function opened(file: string, readonly: boolean): Sqlite.Database {
    try {
      return new Sqlite(file, { readonly, fileMustExist: true })
    } catch (error) {
      copied?.remove()
      throw sqliteError(error, path)
    }
  }
}

/** Offset of the bytes that say which journal a file has, and their value for WAL. */
const JOURNAL_BYTE = 18
const WAL = 2

function needsCopy(path: string): boolean {
  const header = Buffer.alloc(JOURNAL_BYTE + 1)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, header, 0, header.length, 0)
  } finally {
    closeSync(fd)
  }
  return header[JOURNAL_BYTE] === WAL || sizeOf(`${path}-journal`) > 0
}

const SIDES = ['', '-wal', '-journal']

/** The file and its journals as they were at one moment, in a directory of their own. */
function copyOf(path: string): { path: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'infer-read-'))
  const copy = join(directory, 'copy.db')
  const remove = () => rmSync(directory, { recursive: true, force: true })
  try {
    for (;;) {
      const before = stateOf(path)
      for (const side of SIDES) {
        rmSync(copy + side, { force: true })
        if (sizeOf(path + side) > 0) copyFileSync(path + side, copy + side)
      }
      if (stateOf(path) === before) return { path: copy, remove }
    }
  } catch (error) {
    remove()
    throw error
  }
}

function stateOf(path: string): string {
  return SIDES.map((side) => {
    const stats = statSync(path + side, { throwIfNoEntry: false, bigint: true })
    return `${stats?.size} ${stats?.mtimeNs} ${stats?.ctimeNs}`
  }).join()
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
