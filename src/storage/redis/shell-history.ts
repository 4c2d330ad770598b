import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'
import { checkText } from '#storage/rules/check.ts'
import type { RedisConnection } from './connection.ts'
import { keys } from './keys.ts'

/** Typed lines: one list. */
export class RedisShellHistory implements ShellHistoryStorage {
  readonly location: string
  readonly #connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.#connection = connection
    this.location = connection.address.location
  }

  async append(command: string): Promise<void> {
    checkText('redis', 'command', command)
    await this.#connection.call('RPUSH', keys.history, command)
  }

  async appendAll(commands: readonly string[]): Promise<void> {
    for (const command of commands) checkText('redis', 'command', command)
    if (commands.length > 0) await this.#connection.call('RPUSH', keys.history, ...commands)
  }

  async load(limit: number): Promise<string[]> {
    return await this.#connection.call<string[]>('LRANGE', keys.history, limit > 0 ? -limit : 0, -1)
  }
}
