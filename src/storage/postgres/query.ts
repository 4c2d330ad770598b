import { hash } from 'node:crypto'
import type pg from 'pg'
import type { Row } from '#storage/sql/database.ts'
import type { Statement } from '#storage/sql/statement.ts'
import { destroy } from './connect.ts'
import { postgresValue } from './dialect.ts'
import { NoAnswer } from './errors.ts'

/** How long, in ms, a statement may take. The wait for a lock ends before (`lock_timeout`). */
const ANSWER_MS = 30_000

const names = new Map<string, string>()

/** Sends one statement; with `prepared` the server keeps it parsed. NoAnswer after 30 s, and the client is closed. */
export async function query(client: pg.Client, statement: Statement, prepared: boolean): Promise<Row[]> {
  const text = statement.text((position) => `$${position}`)
  const values = statement.values.map(postgresValue)
  const named = prepared && values.length > 0 ? { name: nameOf(text) } : {}
  return await answered(client, client.query({ text, values, ...named }), ANSWER_MS)
}

/** The rows of an answer that must come within `ms`. */
export async function answered(client: pg.Client, answer: Promise<pg.QueryResult>, ms: number): Promise<Row[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NoAnswer(`no answer within ${ms / 1_000} s`))
      destroy(client)
    }, ms)
  })
  try {
    return (await Promise.race([answer, late])).rows
  } finally {
    clearTimeout(timer)
  }
}

function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = `infer_${hash('sha256', text, 'hex').slice(0, 24)}`
    names.set(text, name)
  }
  return name
}
