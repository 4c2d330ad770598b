/** The walk through what was typed before: what was being typed waits behind the newest entry. */
export interface HistoryWalk {
  /** Oldest first. */
  readonly entries: readonly string[]
  /** Index of the entry that is shown; `entries.length` stands for what is being typed. */
  readonly index: number
  readonly typed: string
}

export function startWalk(entries: readonly string[]): HistoryWalk {
  return { entries, index: entries.length, typed: '' }
}

/** One entry back from what stands in the prompt; undefined at the oldest. Entries equal to `current` are passed over. */
export function older(walk: HistoryWalk, current: string): HistoryWalk | undefined {
  const typed = walk.index === walk.entries.length ? current : walk.typed
  const index = walk.entries.findLastIndex((entry, at) => at < walk.index && entry !== current)
  return index === -1 ? undefined : { ...walk, index, typed }
}

/** One entry forward, at last what was being typed; undefined when that is shown already. */
export function newer(walk: HistoryWalk, current: string): HistoryWalk | undefined {
  if (walk.index >= walk.entries.length) return undefined
  const index = walk.entries.findIndex((entry, at) => at > walk.index && entry !== current)
  return { ...walk, index: index === -1 ? walk.entries.length : index }
}

/** What the walk shows. */
export function shown({ entries, index, typed }: HistoryWalk): string {
  return entries[index] ?? typed
}

/** An incremental search backwards, as ctrl-r does it. */
export interface HistorySearch {
  readonly query: string
  /** Index of the match; -1 when nothing matches. */
  readonly index: number
}

/**
 * The newest entry before `before` that holds the query; an index of -1 when there is none. Upper case counts only when
 * the query has some.
 */
export function search(entries: readonly string[], query: string, before = entries.length): HistorySearch {
  const folds = query === query.toLowerCase()
  const matches = (entry: string) => (folds ? entry.toLowerCase() : entry).includes(query)
  const index = query === '' ? -1 : entries.findLastIndex((entry, at) => at < before && matches(entry))
  return { query, index }
}

/** The next older match that reads otherwise; the same search when there is none. */
export function searchOlder(entries: readonly string[], found: HistorySearch): HistorySearch {
  let next = search(entries, found.query, found.index)
  while (next.index !== -1 && entries[next.index] === entries[found.index]) {
    next = search(entries, found.query, next.index)
  }
  return next.index === -1 ? found : next
}
