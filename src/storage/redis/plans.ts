import { StorageError } from '#storage/contract/errors.ts'
import type { Plan, PlanList, PlanStorage } from '#storage/contract/plans.ts'
import { checkId } from '#storage/rules/check.ts'
import { checkPlan } from '#storage/rules/check-records.ts'
import { field } from '#storage/rules/fields.ts'
import { byNewestPlan, planIds, planSlug } from '#storage/rules/plan-id.ts'
import type { RedisConnection } from './connection.ts'
import { readStored } from './corrupt.ts'
import { keys } from './keys.ts'
import { allTexts } from './texts.ts'

/** Plans: one hash of JSON texts. */
export class RedisPlans implements PlanStorage {
  readonly #connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  async save(plan: { title: string; body: string; createdAt?: Date }): Promise<Plan> {
    const { title, body, createdAt = new Date() } = plan
    checkPlan('redis', { title, body, createdAt })
    const second = new Date(Math.floor(createdAt.getTime() / 1_000) * 1_000)
    for (const id of planIds(title, second)) {
      const saved: Plan = { id, title, slug: planSlug(title), createdAt: second, body }
      if ((await this.#connection.call<number>('HSETNX', keys.plans, id, planToText(saved))) === 1) return saved
    }
    throw new StorageError('E_CONFLICT', 'redis', `every id for a plan "${title}" is taken`)
  }

  async restore(plan: Plan): Promise<boolean> {
    checkId('redis', 'plan', plan.id)
    checkPlan('redis', plan)
    return (await this.#connection.call<number>('HSETNX', keys.plans, plan.id, planToText(plan))) === 1
  }

  async load(id: string): Promise<Plan> {
    checkId('redis', 'plan', id)
    const text = await this.#connection.call<string | null>('HGET', keys.plans, id)
    if (text === null) throw missing(id)
    return planFromText(id, text)
  }

  async list(): Promise<PlanList> {
    const list: PlanList = { plans: [], unreadable: [] }
    for (const [id, text] of await allTexts(this.#connection, keys.plans)) {
      try {
        list.plans.push(planFromText(id, text))
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        list.unreadable.push({ id, error })
      }
    }
    list.plans.sort(byNewestPlan)
    return list
  }

  async delete(id: string): Promise<void> {
    checkId('redis', 'plan', id)
    if ((await this.#connection.call<number>('HDEL', keys.plans, id)) === 0) throw missing(id)
  }
}

export function planToText({ id, title, slug, createdAt, body }: Plan): string {
  return JSON.stringify({ id, title, slug, created_at: createdAt.toISOString(), body })
}

function planFromText(id: string, text: string): Plan {
  return readStored(`plan ${id} (${keys.plans})`, text, (doc) => ({
    id,
    title: field.text(doc, 'title'),
    slug: field.text(doc, 'slug'),
    createdAt: field.date(doc, 'created_at'),
    body: field.text(doc, 'body'),
  }))
}

function missing(id: string): StorageError {
  return new StorageError('E_NOT_FOUND', 'redis', `there is no plan ${id}`)
}
