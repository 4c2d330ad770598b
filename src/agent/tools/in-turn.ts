const last = new Map<string, Promise<void>>()

/**
 * Does one thing after the other for each key, in the order in which it was asked: the calls of one turn run at the same
 * time, and two edits of a file must not both start from what it was.
 */
export async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
  const mine = (last.get(key) ?? Promise.resolve()).then(work)
  const settled = mine.then(
    () => {},
    () => {},
  )
  last.set(key, settled)
  try {
    return await mine
  } finally {
    if (last.get(key) === settled) last.delete(key)
  }
}
