/** Lines typed into the chat. */
export interface ShellHistoryStorage {
  /** Where the lines are, for people: a path, or the store's location. */
  readonly location: string

  /** Adds a command at the end; it may hold several lines. Survives a `kill -9` once the promise has resolved. */
  append(command: string): Promise<void>

  /** `append` for each of them, in this order and next to each other. */
  appendAll(commands: readonly string[]): Promise<void>

  /** The newest `limit` commands in chronological order; 0 or less means all. */
  load(limit: number): Promise<string[]>
}
