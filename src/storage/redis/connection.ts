import { hash } from 'node:crypto'
import { type CommonRedisOptions, Redis, type StandaloneConnectionOptions } from 'ioredis'
import { StorageError } from '#storage/contract/errors.ts'
import type { RedisAddress } from './address.ts'
import { serverError } from './server-error.ts'

/** Longest wait for a reply, in ms; then E_UNAVAILABLE and a new connection. */
const REPLY_TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 2_000
const LOADING_RETRY_MS = 100
/** How long, in ms, a server may take to agree that a connection ends. */
const DISCONNECT_TIMEOUT_MS = 500

type ClientOptions = Omit<CommonRedisOptions, 'replyMapping'> & StandaloneConnectionOptions

/** A Lua script, sent by its hash. It runs alone on the server: nobody sees half of it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script(lua: string): Script {
  return { lua, sha: hash('sha1', lua, 'hex') }
}

/**
 * One connection for commands. It heals by itself; a command whose reply was lost, or that finds no server at the next
 * attempt to connect, fails with E_UNAVAILABLE and is never sent a second time by itself.
 */
export class RedisConnection {
  readonly address: RedisAddress
  readonly #client: Redis
  #closed = false

  private constructor(address: RedisAddress, client: Redis) {
    this.address = address
    this.#client = client
  }

  /** Throws a StorageError that says what is wrong when no connection stands within `timeoutMs`. */
  static async open(address: RedisAddress, timeoutMs: number): Promise<RedisConnection> {
    let opened = false
    let problem: unknown
    const client = new Redis({
      ...clientOptions(address),
      connectTimeout: timeoutMs,
      retryStrategy: (times) => (opened ? retryDelay(times) : null),
    })
    client.on('error', (error: Error) => {
      problem ??= error
      reconnectUnlessSelected(client, error)
    })
    const deadline = AbortSignal.timeout(timeoutMs)
    const connection = new RedisConnection(address, client)
    try {
      await beforeAbort(client.connect(), deadline)
      if (problem !== undefined) throw problem
      await connection.#answers(deadline)
      opened = true
      return connection
    } catch (error) {
      connection.#closed = true
      client.disconnect()
      throw serverError(problem ?? error, address.location)
    }
  }

  /** Waits for a server that is loading its data. */
  async #answers(deadline: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await beforeAbort(this.#client.time(), deadline)
        return
      } catch (error) {
        if (!String(error).includes('LOADING') || deadline.aborted) throw error
        await new Promise((resolve) => setTimeout(resolve, LOADING_RETRY_MS))
      }
    }
  }

  /** Sends a command. */
  async call<T>(command: string, ...args: (string | number)[]): Promise<T> {
    if (this.#closed) throw this.#closedError()
    try {
      return (await this.#client.call(command, ...args)) as T
    } catch (error) {
      throw serverError(error, this.address.location)
    }
  }

  /** Runs a script by its hash, and by its text where the server does not know it. */
  async run<T>({ lua, sha }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<T> {
    if (this.#closed) throw this.#closedError()
    try {
      return (await this.#client.evalsha(sha, keys.length, ...keys, ...args)) as T
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) {
        throw serverError(error, this.address.location)
      }
    }
    try {
      return (await this.#client.eval(lua, keys.length, ...keys, ...args)) as T
    } catch (error) {
      throw serverError(error, this.address.location)
    }
  }

  /** The server's clock, to the millisecond. */
  async now(): Promise<Date> {
    const [seconds, micros] = await this.call<[string, string]>('TIME')
    return serverTime(seconds, micros)
  }

  /** A further client for subscriptions. It connects at once, and again for ever; the caller disconnects it. */
  subscriber(): Redis {
    return new Redis({
      ...clientOptions(this.address),
      lazyConnect: false,
      autoResubscribe: false,
      connectTimeout: REPLY_TIMEOUT_MS,
      retryStrategy: retryDelay,
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await disconnect(this.#client)
  }

  #closedError(): StorageError {
    return new StorageError('E_UNAVAILABLE', 'redis', `the connection to Redis at ${this.address.location} is closed`)
  }
}

/** Ends a client and waits until it holds no handle any more. */
export async function disconnect(client: Redis): Promise<void> {
  const ended =
    client.status === 'end' || client.status === 'reconnecting' || client.status === 'wait'
      ? undefined
      : new Promise((resolve) => client.once('end', resolve))
  client.disconnect()
  await ended
}

export function serverTime(seconds: string, micros: string): Date {
  return new Date(Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000))
}

function clientOptions({ host, port, username, password, db, tls }: RedisAddress): ClientOptions {
  return {
    host,
    port,
    db,
    ...(password !== '' && { username: username === '' ? 'default' : username, password }),
    ...(tls && { tls: {} }),
    protocol: 2,
    lazyConnect: true,
    connectionName: 'infer',
    disableClientInfo: true,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: REPLY_TIMEOUT_MS,
    socketTimeout: REPLY_TIMEOUT_MS,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }
}

function retryDelay(times: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), MAX_RETRY_MS)
}

/** The client goes on in database 0 when SELECT fails; ours must not. */
function reconnectUnlessSelected(client: Redis, error: Error): void {
  const command = 'command' in error ? (error.command as { name?: string } | undefined) : undefined
  if (command?.name === 'select') client.disconnect(true)
}

async function beforeAbort<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Error('the server timed out'))
  deadline.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, promise])
  } finally {
    deadline.removeEventListener('abort', onAbort)
  }
}
