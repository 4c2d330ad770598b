import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'

/** What a prompt needs of a history: the interface that the Go CLI's users know, over any backend. */
export interface ShellHistoryProvider {
  /** All commands, oldest first. */
  loadHistory(): Promise<string[]>
  /** Adds a command at the end; blank ones are left out. */
  saveToHistory(command: string): Promise<void>
  /** Where the history is, for people: a file or the location of the store. */
  getHistoryFile(): string
}

export function shellHistoryProvider(history: ShellHistoryStorage, location: string): ShellHistoryProvider {
  return {
    loadHistory: () => history.load(0),
    saveToHistory: async (command) => {
      if (command.trim() !== '') await history.append(command)
    },
    getHistoryFile: () => location,
  }
}
