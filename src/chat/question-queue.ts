import type { ApprovalQuestion } from '#agent/approval.ts'

/** What the person at the chat is asked, one thing at a time. */
export type Question =
  | { readonly kind: 'approval'; readonly question: ApprovalQuestion }
  | { readonly kind: 'plan'; readonly plan: StoredPlan }
  | {
      readonly kind: 'choice'
      readonly text: string
      readonly options: readonly string[]
      /** Whether more than one may be chosen. */
      readonly several: boolean
    }

/** A plan that waits for an answer. */
export interface StoredPlan {
  readonly uri: string
  readonly title: string
  readonly body: string
}

export type PlanAnswer =
  /** Carry it out; `auto` runs without asking, `standard` has each step approved. */
  | { readonly accepted: true; readonly mode: 'auto' | 'standard' }
  | { readonly accepted: false; readonly feedback: string }

interface Asked {
  readonly question: Question
  readonly answer: (value: never) => void
}

/** Questions that wait for the person, the oldest first: those of parallel calls are put one after the other. */
export class QuestionQueue {
  readonly #onChange: () => void
  #asked: readonly Asked[] = []

  /** `onChange` is called when a question comes, is answered, or goes. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The question that is put. */
  get current(): Question | undefined {
    return this.#asked[0]?.question
  }

  /** Puts a question when those before it are answered. Rejects with the signal's reason, and takes the question away. */
  ask<T>(question: Question, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const stop = () => {
        this.#asked = this.#asked.filter((one) => one !== entry)
        this.#onChange()
        reject(signal.reason)
      }
      const entry = {
        question,
        answer: (value: T) => {
          signal.removeEventListener('abort', stop)
          resolve(value)
        },
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#asked = [...this.#asked, entry as Asked]
      this.#onChange()
    })
  }

  /** Answers the question that is put; nothing happens without one. */
  answer(value: unknown): void {
    const [first, ...rest] = this.#asked
    this.#asked = rest
    first?.answer(value as never)
    this.#onChange()
  }
}

/** The plan that RequestPlanApproval asks about; undefined for another question. */
export function planOf({ call, description }: ApprovalQuestion): StoredPlan | undefined {
  if (call.function.name !== 'RequestPlanApproval') return undefined
  const { title, plan } = JSON.parse(call.function.arguments) as { title: string; plan: string }
  return { uri: description?.replace(/^Plan /, '') ?? '', title, body: plan }
}
