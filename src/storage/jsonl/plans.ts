import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { Plan, PlanList, PlanStorage } from '#storage/contract/plans.ts'
import { checkId, isId } from '#storage/rules/check.ts'
import { checkPlan } from '#storage/rules/check-records.ts'
import { byNewestPlan, parsePlanId, planIds, planSlug } from '#storage/rules/plan-id.ts'
import { corrupt, ioError, isMissing, statOf } from './io-error.ts'
import { createFile, filesOf, removeFile } from './replace-file.ts'

const SUFFIX = '.md'
/** One for all: making one costs more than decoding most plans. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Plans as `<id>.md`: `# <title>`, a blank line, the body to the byte. A file that a person put there may lack the
 * title, or have a name without a time: then the name is the title, and the time is that of the file.
 */
export class FilePlans implements PlanStorage {
  readonly #directory: string
  readonly #readOnly: boolean

  constructor(directory: string, readOnly = false) {
    this.#directory = directory
    this.#readOnly = readOnly
  }

  async save(plan: { title: string; body: string; createdAt?: Date }): Promise<Plan> {
    const { title, body } = plan
    const given = plan.createdAt ?? new Date()
    checkPlan('jsonl', { title, body, createdAt: given })
    const createdAt = new Date(Math.floor(given.getTime() / 1_000) * 1_000)
    for (const id of planIds(title, createdAt)) {
      const saved: Plan = { id, title, slug: planSlug(title), createdAt, body }
      if (await this.takeIn(saved)) return saved
    }
    throw new StorageError('E_CONFLICT', 'jsonl', `no id is free for the plan ${title}`)
  }

  async restore(plan: Plan): Promise<boolean> {
    checkId('jsonl', 'plan', plan.id)
    checkPlan('jsonl', plan)
    return await this.takeIn(plan)
  }

  async load(id: string): Promise<Plan> {
    checkId('jsonl', 'plan', id)
    await turn()
    const plan = this.#read(id)
    if (!plan) throw new StorageError('E_NOT_FOUND', 'jsonl', `there is no plan ${id}`)
    return plan
  }

  async list(): Promise<PlanList> {
    const list: PlanList = { plans: [], unreadable: [] }
    await turn()
    for (const file of filesOf(this.#directory, this.#readOnly)) {
      if (!file.endsWith(SUFFIX) || file.startsWith('.')) continue
      const id = file.slice(0, -SUFFIX.length)
      try {
        if (!isId(id)) throw corrupt(this.#path(id), 'its name is not a valid plan id')
        const plan = this.#read(id)
        if (plan) list.plans.push(plan)
      } catch (error) {
        list.unreadable.push({ id, error: error as StorageError })
      }
    }
    list.plans.sort(byNewestPlan)
    return list
  }

  async delete(id: string): Promise<void> {
    checkId('jsonl', 'plan', id)
    if (!(await removeFile(this.#path(id)))) throw new StorageError('E_NOT_FOUND', 'jsonl', `there is no plan ${id}`)
  }

  has(id: string): boolean {
    return statOf(this.#path(id)) !== undefined
  }

  /** Stores a plan under its id; false when that is taken. */
  async takeIn({ id, title, body, createdAt }: Plan): Promise<boolean> {
    // A name without a time leaves that to the file.
    const time = parsePlanId(id) ? {} : { mtime: createdAt }
    return !this.has(id) && (await createFile(this.#path(id), `# ${title}\n\n${body}`, time))
  }

  #read(id: string): Plan | undefined {
    const path = this.#path(id)
    let bytes: Buffer
    try {
      bytes = readFileSync(path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw ioError(error, path, 'read')
    }
    let text: string
    try {
      text = UTF_8.decode(bytes)
    } catch (error) {
      throw corrupt(path, 'it is not UTF-8 text', error)
    }
    const named = parsePlanId(id)
    const { title, body } = split(text) ?? { title: named?.slug ?? id, body: text }
    const slug = planSlug(title)
    const ours = named && new RegExp(`^${slug}(-\\d+)?$`).test(named.slug)
    const createdAt = named?.createdAt ?? new Date(Math.floor(Number(statOf(path)?.mtimeMs ?? 0) / 1_000) * 1_000)
    return { id, title, slug: ours ? slug : (named?.slug ?? id), createdAt, body }
  }

  #path(id: string): string {
    return join(this.#directory, id + SUFFIX)
  }
}

function split(text: string): { title: string; body: string } | undefined {
  const match = /^\ufeff?# ([^\r\n]+)(?:\r?\n|$)(?:\r?\n)?/.exec(text)
  return match?.[1] === undefined ? undefined : { title: match[1], body: text.slice(match[0].length) }
}
