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

/** The newest entry that holds the query; an index of -1 when there is none. Upper case counts only when it has some. */
export function search(entries: readonly string[], query: string): HistorySearch {
  return { query, index: newestMatch(entries, query, entries.length) }
}

/** The next older match that reads otherwise; the same search when there is none. */
export function searchOlder(entries: readonly string[], found: HistorySearch): HistorySearch {
  const index = newestMatch(entries, found.query, found.index, entries[found.index])
  return index === -1 ? found : { ...found, index }
}

function newestMatch(entries: readonly string[], query: string, before: number, except?: string): number {
  if (query === '') return -1
  const folds = query === query.toLowerCase()
  for (let at = before - 1; at >= 0; at -= 1) {
    const entry = entries[at] as string
    if (entry !== except && (folds ? entry.toLowerCase() : entry).includes(query)) return at
  }
  return -1
}
