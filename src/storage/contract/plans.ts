import type { StorageError } from './errors.ts'

/** A plan of plan mode: markdown that a person accepts before anything is done. */
export interface Plan {
  /** `<YYYY-MM-DD-HHMMSS UTC>-<slug>`, with `-1`, `-2` behind it when that is taken. */
  id: string
  /** One line. */
  title: string
  slug: string
  /** To the second: the id carries it. */
  createdAt: Date
  /** Markdown without the title. */
  body: string
}

export interface PlanList {
  /** Newest first, ties by id descending. */
  plans: Plan[]
  unreadable: { id: string; error: StorageError }[]
}

export interface PlanStorage {
  /**
   * Stores a plan under a new id made of the time and the title; a plan never overwrites another.
   * E_INVALID when the title is empty or has more than one line.
   */
  save(plan: { title: string; body: string; createdAt?: Date }): Promise<Plan>

  /** Stores a plan just as it is, under its own id; false when that is taken. */
  restore(plan: Plan): Promise<boolean>

  /** E_NOT_FOUND, E_CORRUPT. */
  load(id: string): Promise<Plan>

  list(): Promise<PlanList>

  /** E_NOT_FOUND. */
  delete(id: string): Promise<void>
}
