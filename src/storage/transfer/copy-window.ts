/** Does the work for several items at once and gives the results in the order of the items. */
export async function* ahead<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const begun: Promise<R>[] = []
  let next = 0
  try {
    while (next < items.length || begun.length > 0) {
      while (begun.length < width && next < items.length) {
        const one = work(items[next++] as T)
        one.catch(() => {})
        begun.push(one)
      }
      yield (await begun.shift()) as R
    }
  } finally {
    await Promise.allSettled(begun)
  }
}

/** Does the work for every item, several at once; the first error ends it, after those begun have ended. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for await (const _ of ahead(items, width, work));
}
