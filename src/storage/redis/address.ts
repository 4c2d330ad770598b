import { StorageError } from '#storage/contract/errors.ts'
import type { RedisOptions } from '#storage/options.ts'

/** Where the server is and who we are there. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly db: number
  readonly tls: boolean
  /** For people: without the password. */
  readonly location: string
}

/**
 * The address out of the options. What the URL says wins; what it leaves out (user, password, database) comes from
 * the parts. `rediss:` or `tls` means TLS. Throws E_INVALID, and never repeats the URL: it may hold a password.
 */
export function redisAddress(options: RedisOptions): RedisAddress {
  const parts = options.url === '' ? options : { ...options, ...partsOfUrl(options) }
  const { host, port, username, password, db, tls } = parts
  if (!Number.isInteger(db) || db < 0) throw invalid('the database of Redis must be a number from 0')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid('the port of Redis must be 1 to 65535')
  const user = username === '' ? '' : `${encodeURIComponent(username)}@`
  const shownHost = host.includes(':') ? `[${host}]` : host
  const location = `${tls ? 'rediss' : 'redis'}://${user}${shownHost}:${port}/${db}`
  return { host, port, username, password, db, tls, location }
}

function partsOfUrl(options: RedisOptions): Partial<RedisOptions> {
  if (!/^rediss?:\/\//i.test(options.url) || !URL.canParse(options.url)) {
    throw invalid('storage.redis.url is not an address of Redis')
  }
  const url = new URL(options.url)
  const db = url.pathname.replace(/^\//, '') || (url.searchParams.get('db') ?? '')
  if (!/^\d*$/.test(db)) throw invalid('the path of storage.redis.url must be the number of a database')
  return {
    host: url.hostname === '' ? options.host : url.hostname.replaceAll(/[[\]]/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    tls: options.tls || url.protocol.toLowerCase() === 'rediss:',
    ...(url.username !== '' && { username: decoded(url.username) }),
    ...(url.password !== '' && { password: decoded(url.password) }),
    ...(db !== '' && { db: Number(db) }),
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('user or password in storage.redis.url is not percent-encoded')
  }
}

function invalid(message: string): StorageError {
  return new StorageError('E_INVALID', 'redis', message, {
    hint: 'it looks like redis://user:password@host:6379/0, or rediss:// for TLS',
  })
}
