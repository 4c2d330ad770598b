import { StorageError, type StorageErrorCode } from '#storage/contract/errors.ts'
import type { Target } from './target.ts'

/** SQLSTATE of a server's answer, or the system's error code; empty when there is none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : ''
}

/** Raised when a statement got no answer in time; its connection is closed. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Whether the connection is of no use any more. */
export function isLost(error: unknown): boolean {
  if (error instanceof NoAnswer) return true
  const code = codeOf(error)
  if (/^(57P0[123]|08...|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET)/.test(code)) return true
  return error instanceof Error && /^(Connection terminated|Client (has|was) )/.test(error.message)
}

/**
 * Whether the statement was certainly not carried out, so that any may be repeated: the server ended the session
 * before it committed (57P01; a commit is followed by the answer without looking at the request to end), or the
 * statement was never sent.
 */
export function isUndone(error: unknown): boolean {
  return codeOf(error) === '57P01' || (error instanceof Error && error.message.startsWith('Client has encountered'))
}

/** Whether a statement or transaction that was rolled back deserves another attempt as it is. */
export function isRace(error: unknown): boolean {
  return ['40P01', '40001'].includes(codeOf(error))
}

/** Whether the server (or a pooler in front of it) forgot a prepared statement, or has another of that name. */
export function isForgotten(error: unknown): boolean {
  const stale = codeOf(error) === '0A000' && error instanceof Error && error.message.includes('cached plan')
  return stale || ['26000', '42P05'].includes(codeOf(error))
}

/** Whether the server will take connections in a moment: too many at present, or it is starting. */
export function isCrowded(error: unknown): boolean {
  return ['53300', '57P03'].includes(codeOf(error))
}

/** Why no connection could be made, as a sentence with what to do; never with the password. */
export function connectError(error: unknown, target: Target): unknown {
  if (error instanceof StorageError) return error
  const { host, port, user, database } = target
  const at = host.startsWith('/') ? host : `${host}:${port}`
  const unavailable = (message: string, hint?: string) =>
    new StorageError('E_UNAVAILABLE', 'postgres', message, { ...(hint !== undefined && { hint }), cause: error })
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  const settings = 'check storage.postgres (host, port, url) and that PostgreSQL runs there'
  if (code === '3D000') {
    const create = `createdb -h ${host} -p ${port} -U ${user} ${database}`
    const hint = `create it with \`${create}\`, or in psql with \`CREATE DATABASE ${quoted(database)}\``
    return unavailable(`the database "${database}" does not exist at ${at}`, hint)
  }
  if (code === '28P01' || (/password must be a/.test(message) && message.startsWith('SASL'))) {
    const sentence =
      code === '28P01'
        ? `PostgreSQL at ${at} refused the password of user "${user}"`
        : `PostgreSQL at ${at} asks for a password of user "${user}" and none is set`
    return unavailable(sentence, 'check storage.postgres.username and storage.postgres.password')
  }
  if (code === '28000') return unavailable(`PostgreSQL at ${at} does not let user "${user}" in: ${message}`)
  if (code === '53300') return unavailable(`PostgreSQL at ${at} has no connection left`, 'raise its max_connections')
  if (code === '57P03') return unavailable(`PostgreSQL at ${at} is not ready: ${message}`, 'try again in a moment')
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return unavailable(`no PostgreSQL answers at ${at} (connection refused)`, settings)
  }
  if (/^(ENOTFOUND|EAI_)/.test(code)) return unavailable(`the host "${host}" of PostgreSQL is unknown`, settings)
  if (/timeout|ETIMEDOUT/.test(`${code} ${message}`)) {
    return unavailable(`PostgreSQL at ${at} did not answer in time`, settings)
  }
  if (message.startsWith('The server does not support SSL')) {
    const hint = 'enable it there, or set storage.postgres.ssl_mode to prefer or disable'
    return unavailable(`PostgreSQL at ${at} offers no TLS, which ssl_mode ${target.sslMode} asks for`, hint)
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code)) {
    const hint = 'give the issuer with ?sslrootcert=FILE in storage.postgres.url'
    return unavailable(`the certificate of PostgreSQL at ${at} cannot be trusted: ${message}`, hint)
  }
  return unavailable(`PostgreSQL at ${at} cannot be used: ${message}`)
}

const CODES: readonly [RegExp, StorageErrorCode, string][] = [
  [/^55P03/, 'E_BUSY', 'another session keeps the row locked'],
  [/^(40P01|40001)/, 'E_BUSY', 'other sessions got in the way again and again'],
  [/^(53100|53400|54023)/, 'E_FULL', 'PostgreSQL has no space left'],
  [/^XX00[12]/, 'E_CORRUPT', 'PostgreSQL reports damaged data'],
  [/^23/, 'E_CORRUPT', 'stored rows contradict each other'],
  [/^22/, 'E_INVALID', 'PostgreSQL cannot hold the value'],
  [/^25006/, 'E_UNAVAILABLE', 'this PostgreSQL only lets one read (a standby?)'],
  [/^42501/, 'E_UNAVAILABLE', 'the user of PostgreSQL lacks a right'],
]

/** Why a statement failed. */
export function statementError(error: unknown, target: Target): unknown {
  if (error instanceof StorageError) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const [, kind, sentence] = CODES.find(([pattern]) => pattern.test(code)) ?? []
  if (kind !== undefined) {
    const { database, user } = target
    const grant = `as its owner: GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(user)}`
    const options = { cause: error, ...(code === '42501' && { hint: grant }) }
    return new StorageError(kind, 'postgres', `${sentence}: ${message}`, options)
  }
  if (isLost(error)) {
    return new StorageError('E_UNAVAILABLE', 'postgres', `the connection to ${target.location} broke: ${message}`, {
      cause: error,
    })
  }
  if (code === '') return error
  return new StorageError('E_UNAVAILABLE', 'postgres', `PostgreSQL refused a statement: ${message}`, { cause: error })
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
