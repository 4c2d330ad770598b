import { StorageError } from '#storage/contract/errors.ts'
import type { Plan, PlanStorage } from '#storage/contract/plans.ts'
import { checkId } from '#storage/rules/check.ts'
import { checkPlan } from '#storage/rules/check-records.ts'
import { byNewestPlan, planIds, planSlug } from '#storage/rules/plan-id.ts'
import type { Dialect, Row, SqlDatabase } from './database.ts'
import { asCorrupt, readRow, textOf, timeOf } from './rows.ts'
import { raw, type Statement, sql } from './statement.ts'

export function plans(db: SqlDatabase): PlanStorage {
  const { backend, dialect } = db
  const table = dialect.tables.plans
  const missing = (id: string) => new StorageError('E_NOT_FOUND', backend, `there is no plan ${id}`)

  return {
    async save({ title, body, createdAt = new Date() }) {
      checkPlan(backend, { title, body, createdAt })
      const second = new Date(Math.floor(createdAt.getTime() / 1_000) * 1_000)
      for (const id of planIds(title, second)) {
        const plan: Plan = { id, title, slug: planSlug(title), createdAt: second, body }
        if ((await db.write(insertPlan(dialect, plan))).length > 0) return plan
      }
      throw new StorageError('E_BUSY', backend, `no id is free for the plan "${title}"`)
    },

    async restore(plan) {
      checkId(backend, 'plan', plan.id)
      checkPlan(backend, plan)
      return (await db.write(insertPlan(dialect, plan))).length > 0
    },

    async load(id) {
      checkId(backend, 'plan', id)
      const [row] = await db.read(sql`select id, title, slug, created_at, body from ${table} where id = ${id}`)
      if (!row) throw missing(id)
      return readRow(backend, `plan ${id}`, () => planOf(row))
    },

    async list() {
      const found: Plan[] = []
      const unreadable: { id: string; error: StorageError }[] = []
      for (const row of await db.read(sql`select id, title, slug, created_at, body from ${table}`)) {
        try {
          found.push(planOf(row))
        } catch (error) {
          const id = String(row.id)
          unreadable.push({ id, error: asCorrupt(backend, `plan ${id}`, error) })
        }
      }
      return { plans: found.sort(byNewestPlan), unreadable }
    },

    async delete(id) {
      checkId(backend, 'plan', id)
      if ((await db.write(sql`delete from ${table} where id = ${id} returning id`)).length === 0) throw missing(id)
    },
  }
}

/** Gives a row unless the id is taken. */
export function insertPlan({ tables }: Dialect, { id, title, slug, createdAt, body }: Plan): Statement {
  return sql`insert into ${tables.plans} (id, title, slug, created_at, body)
    values (${id}, ${title}, ${slug}, ${createdAt}, ${body}) on conflict (id) do nothing returning id`
}

/** Gives the rows of those whose id was free. */
export function insertPlans({ tables, insertRows }: Dialect, plans: readonly Plan[]): Statement[] {
  return insertRows({
    into: tables.plans,
    columns: [
      ['id', 'text'],
      ['title', 'text'],
      ['slug', 'text'],
      ['created_at', 'timestamptz'],
      ['body', 'text'],
    ],
    rows: plans.map(({ id, title, slug, createdAt, body }) => [id, title, slug, createdAt, body]),
    end: raw('on conflict (id) do nothing returning id'),
  })
}

function planOf(row: Row): Plan {
  return {
    id: textOf(row, 'id'),
    title: textOf(row, 'title'),
    slug: textOf(row, 'slug'),
    createdAt: timeOf(row, 'created_at'),
    body: textOf(row, 'body'),
  }
}
