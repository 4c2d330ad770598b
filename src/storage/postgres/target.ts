import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { StorageError } from '#storage/contract/errors.ts'
import { type PostgresOptions, SSL_MODES, type SslMode } from '#storage/options.ts'

/** Where to connect to and how, with every default filled in. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly sslMode: SslMode
  /** URL without the password. */
  readonly location: string
  /** The ways to try, in their order: with TLS, plain, or one after the other. */
  readonly configs: readonly pg.ClientConfig[]
}

/**
 * Reads the options as libpq would: a URL wins over the parts, its `sslmode`, `sslrootcert`, `sslcert` and `sslkey`
 * over `sslMode`; what is empty comes from the PG* environment. E_INVALID when the URL cannot be read.
 */
export function targetOf(options: PostgresOptions): Target {
  const { connectionString, ssl } = splitUrl(options)
  const base: pg.ClientConfig =
    connectionString === undefined
      ? {
          ...(options.host !== '' && { host: options.host }),
          port: options.port,
          ...(options.database !== '' && { database: options.database }),
          ...(options.username !== '' && { user: options.username }),
          ...(options.password !== '' && { password: options.password }),
        }
      : { connectionString }
  const common = {
    ...systemUser(),
    ...base,
    application_name: 'infer',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
  const resolved = resolve(common)
  const { host, port, user = '', database = '' } = resolved
  const authority = host.startsWith('/') ? encodeURIComponent(host) : host.includes(':') ? `[${host}]` : host
  return {
    host,
    port,
    database,
    user,
    sslMode: ssl.mode,
    location: `postgres://${encodeURIComponent(user)}@${authority}:${port}/${encodeURIComponent(database)}`,
    configs: waysOf(ssl, host).map((way) => ({ ...common, ssl: way })),
  }
}

interface Ssl {
  mode: SslMode
  rootCert?: string
  cert?: string
  key?: string
}

function splitUrl(options: PostgresOptions): { connectionString: string | undefined; ssl: Ssl } {
  const { url, sslMode } = options
  if (url === '') return { connectionString: undefined, ssl: { mode: sslMode } }
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const take = (name: string) => {
    const value = parameters.get(name) ?? undefined
    parameters.delete(name)
    return value
  }
  const mode = take('sslmode') ?? sslMode
  const [rootCert, cert, key] = [take('sslrootcert'), take('sslcert'), take('sslkey')]
  const known = SSL_MODES.find((one) => one === mode)
  if (known === undefined) {
    const hint = `it is one of ${SSL_MODES.join(', ')}`
    throw new StorageError('E_INVALID', 'postgres', `sslmode "${mode}" of the PostgreSQL URL is unknown`, { hint })
  }
  const rest = parameters.toString()
  return {
    connectionString: rest === '' ? address : `${address}?${rest}`,
    ssl: { mode: known, ...(rootCert && { rootCert }), ...(cert && { cert }), ...(key && { key }) },
  }
}

/** The driver's own defaults; a client does nothing before it is connected. */
/** The user when nothing names one, as libpq has it; the driver only looks at $USER. Nameless in some containers. */
function systemUser(): pg.ClientConfig {
  if (process.env.PGUSER || process.env.USER) return {}
  try {
    return { user: userInfo().username }
  } catch {
    return {}
  }
}

function resolve(config: pg.ClientConfig): Pick<pg.Client, 'host' | 'port' | 'user' | 'database'> {
  try {
    return new pg.Client(config)
  } catch {
    throw new StorageError('E_INVALID', 'postgres', 'the PostgreSQL URL cannot be read', {
      hint: 'it has the form postgres://user:password@host:5432/database, with special characters percent-encoded',
    })
  }
}

/** As documented for libpq; without a root certificate, `verify-ca` and `verify-full` trust what Node trusts. */
function waysOf(ssl: Ssl, host: string): (false | ConnectionOptions)[] {
  if (host.startsWith('/')) return [false]
  const files = {
    ...(ssl.rootCert && ssl.rootCert !== 'system' && { ca: read(ssl.rootCert) }),
    ...(ssl.cert && { cert: read(ssl.cert) }),
    ...(ssl.key && { key: read(ssl.key) }),
  }
  const unverified = { ...files, rejectUnauthorized: false }
  const verified = { ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  switch (ssl.mode) {
    case 'disable':
      return [false]
    case 'allow':
      return [false, unverified]
    case 'prefer':
      return [unverified, false]
    case 'require':
      return [files.ca === undefined ? unverified : verified]
    case 'verify-ca':
      return [verified]
    case 'verify-full':
      return [{ ...files, rejectUnauthorized: true }]
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const message = `the certificate file ${path} of the PostgreSQL URL cannot be read`
    throw new StorageError('E_INVALID', 'postgres', message, { cause: error })
  }
}
