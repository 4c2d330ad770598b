import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'
import { checkText } from '#storage/rules/check.ts'

/** The typed lines of this process. */
export class MemoryShellHistory implements ShellHistoryStorage {
  readonly location: string
  readonly #commands: string[] = []

  constructor(location: string) {
    this.location = location
  }

  async append(command: string): Promise<void> {
    checkText('memory', 'command', command)
    this.#commands.push(command)
  }

  async appendAll(commands: readonly string[]): Promise<void> {
    for (const command of commands) checkText('memory', 'command', command)
    this.#commands.push(...commands)
  }

  async load(limit: number): Promise<string[]> {
    return limit > 0 ? this.#commands.slice(-limit) : [...this.#commands]
  }

  /** Takes in a command from elsewhere. */
  takeIn(command: string): void {
    this.#commands.push(command)
  }
}
