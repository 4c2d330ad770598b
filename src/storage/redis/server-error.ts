import { StorageError, type StorageErrorCode } from '#storage/contract/errors.ts'

interface Meaning {
  readonly pattern: RegExp
  readonly code: StorageErrorCode
  /** The sentence after "Redis at <location> ". */
  readonly message: string
  readonly hint: string
}

const unavailable = (pattern: RegExp, message: string, hint: string): Meaning => ({
  pattern,
  code: 'E_UNAVAILABLE',
  message,
  hint,
})

/** Matched in order against the system's error code and the message; scripts wrap the server's own words. */
const MEANINGS: readonly Meaning[] = [
  unavailable(/\bECONNREFUSED\b/, 'refuses connections', 'start the server, or correct storage.redis.host and port'),
  unavailable(/\b(?:ENOTFOUND|EAI_AGAIN)\b/, 'cannot be found: its host name is unknown', 'correct storage.redis.host'),
  unavailable(/\b(?:EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)\b/, 'cannot be reached', 'check the network and the firewall'),
  unavailable(
    /SELF_SIGNED|UNABLE_TO_|CERT_|ERR_TLS_CERT/,
    'shows a certificate that is not trusted',
    'name the file of its authority in NODE_EXTRA_CA_CERTS, and use the host name in the certificate',
  ),
  unavailable(/\bEPROTO\b|ERR_SSL_/, 'does not speak TLS as expected', 'correct storage.redis.tls or the port'),
  unavailable(
    /\bWRONGPASS\b|invalid password|invalid username-password/i,
    'does not accept user and password',
    'correct storage.redis.username and storage.redis.password',
  ),
  unavailable(/\bNOAUTH\b/, 'wants a password', 'set storage.redis.password'),
  unavailable(
    /\bNOPERM\b|can't run this command|can't access at least one of the keys|No permissions/,
    'does not permit the user what is needed',
    'grant it: ~infer:* &infer:* &__keyspace@*__:infer:* +@all -@admin -@dangerous +info',
  ),
  unavailable(/DB index is out of range/, 'has no database of that number', 'correct storage.redis.db'),
  unavailable(/\bREADONLY\b/, 'is a read-only replica', 'give the address of the primary'),
  { pattern: /\bOOM\b/, code: 'E_FULL', message: 'has no memory left', hint: 'raise its maxmemory or delete data' },
  unavailable(/\bMISCONF\b/, 'refuses writes: it cannot save its data to disk', 'see its log; often the disk is full'),
  unavailable(/\bLOADING\b/, 'is still loading its data', 'try again in a moment'),
  unavailable(/\bMASTERDOWN\b/, 'is a replica that has lost its primary', 'give the address of the primary'),
  unavailable(/\b(?:MOVED|CLUSTERDOWN|CROSSSLOT)\b/, 'is part of a cluster', 'use a server that is no cluster'),
  unavailable(/max number of clients/, 'takes no more connections', 'raise its maxclients'),
  { pattern: /^BUSY\b/, code: 'E_BUSY', message: 'is busy with a script', hint: 'try again in a moment' },
  {
    pattern: /\bWRONGTYPE\b/,
    code: 'E_CORRUPT',
    message: 'holds something else under one of our keys',
    hint: 'look for keys under infer: that another program wrote',
  },
  unavailable(/unknown command/, 'lacks a command that is needed', 'Redis 6 or newer is needed'),
  unavailable(
    /timed out|Socket timeout/,
    'did not answer in time',
    'check the network, the load of the server, and whether the port speaks TLS as storage.redis.tls says',
  ),
  unavailable(
    /max retries per request|Connection is closed|ECONNRESET|EPIPE|writeable/,
    'has closed the connection',
    'check that the server runs, and whether the port speaks TLS as storage.redis.tls says',
  ),
]

/**
 * The StorageError that an error of the client or the server means. The original is not kept as the cause: it carries
 * the arguments of its command, and those of AUTH are a password.
 */
export function serverError(error: unknown, location: string): StorageError {
  if (error instanceof StorageError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const meaning = MEANINGS.find(({ pattern }) => pattern.test(code) || pattern.test(message))
  const cause = new Error(message)
  if (!meaning) {
    return new StorageError('E_UNAVAILABLE', 'redis', `Redis at ${location} answers: ${message}`, { cause })
  }
  return new StorageError(meaning.code, 'redis', `Redis at ${location} ${meaning.message}`, {
    hint: meaning.hint,
    cause,
  })
}
