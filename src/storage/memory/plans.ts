import { StorageError } from '#storage/contract/errors.ts'
import type { Plan, PlanStorage } from '#storage/contract/plans.ts'
import { checkId } from '#storage/rules/check.ts'
import { checkPlan } from '#storage/rules/check-records.ts'
import { byNewestPlan, planIds, planSlug } from '#storage/rules/plan-id.ts'

/** The plans of this process. */
export class MemoryPlans implements PlanStorage {
  readonly #stored = new Map<string, Plan>()

  async save(plan: { title: string; body: string; createdAt?: Date }): Promise<Plan> {
    const { title, body } = plan
    const createdAt = plan.createdAt ?? new Date()
    checkPlan('memory', { title, body, createdAt })
    const second = new Date(Math.floor(createdAt.getTime() / 1_000) * 1_000)
    const id = planIds(title, second).find((one) => !this.#stored.has(one)) as string
    const saved: Plan = { id, title, slug: planSlug(title), createdAt: second, body }
    this.#stored.set(id, saved)
    return copy(saved)
  }

  async restore(plan: Plan): Promise<boolean> {
    checkId('memory', 'plan', plan.id)
    checkPlan('memory', plan)
    return this.takeIn(plan)
  }

  async load(id: string): Promise<Plan> {
    return copy(this.#get(id))
  }

  async list() {
    return { plans: [...this.#stored.values()].map(copy).sort(byNewestPlan), unreadable: [] }
  }

  async delete(id: string): Promise<void> {
    this.#get(id)
    this.#stored.delete(id)
  }

  /** Takes in a plan from elsewhere; false when the id is taken. */
  takeIn(plan: Plan): boolean {
    if (this.#stored.has(plan.id)) return false
    this.#stored.set(plan.id, copy(plan))
    return true
  }

  #get(id: string): Plan {
    checkId('memory', 'plan', id)
    const plan = this.#stored.get(id)
    if (!plan) throw new StorageError('E_NOT_FOUND', 'memory', `there is no plan ${id}`)
    return plan
  }
}

function copy(plan: Plan): Plan {
  return { ...plan, createdAt: new Date(plan.createdAt) }
}
