import { CallsForbidden } from './tool-call.ts'

/**
 * Runs `work` on the items, at most `limit` at once, and yields the results in the order of the items. `onEarly` is told
 * of a result that an earlier item still holds back. After a CallsForbidden nothing new begins; its cause is thrown when
 * all that had begun has ended and was yielded.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
  onEarly: (result: R) => Promise<void> = async () => {},
): AsyncGenerator<R, void, undefined> {
  let next = 0
  let forbidden: CallsForbidden | undefined
  const open = new Set(items.keys())
  const results = items.map(() => Promise.withResolvers<R | undefined>())
  async function run(index: number): Promise<void> {
    const result = await work(items[index] as T)
    open.delete(index)
    results[index]?.resolve(result)
    if (Math.min(...open) < index) await onEarly(result)
  }
  async function worker(): Promise<void> {
    while (next < items.length) {
      const index = next
      next += 1
      try {
        if (forbidden === undefined) await run(index)
        else results[index]?.resolve(undefined)
      } catch (error) {
        if (error instanceof CallsForbidden) forbidden ??= error
        else throw error
        results[index]?.resolve(undefined)
      }
    }
  }
  const workers = Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker)
  const failure = Promise.all(workers)
  // A consumer that leaves early must not turn a later failure into an unhandled one.
  failure.catch(() => {})
  for (const pending of results) {
    const result = await Promise.race([pending.promise, failure.then(() => pending.promise)])
    if (result !== undefined) yield result
  }
  await failure
  if (forbidden) throw forbidden.cause
}
