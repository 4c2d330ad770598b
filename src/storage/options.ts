/** The five backends. One of them holds every domain. */
export const STORAGE_TYPES = ['jsonl', 'sqlite', 'postgres', 'redis', 'memory'] as const
export type StorageType = (typeof STORAGE_TYPES)[number]

/** How a watch notices changes. The defaults are right for production; tests shorten them. */
export interface WatchTuning {
  /** Whether the backend's hint (file events, NOTIFY, keyspace messages) is used at all. Default true. */
  readonly hints?: boolean
  /** Interval of the fallback in ms. Default 2,000; sqlite looks at `data_version` every 250. */
  readonly pollMs?: number
  /** Interval of the unconditional list in ms. Default 60,000. */
  readonly fullListMs?: number
}

interface CommonOptions {
  /** Receives one sentence for the operator, such as "Redis does not persist". */
  readonly warn: (message: string) => void
  readonly watch?: WatchTuning
  /** Milliseconds after which a lock that stays taken is E_BUSY. Default 10,000. */
  readonly busyTimeoutMs?: number
  /** Milliseconds that opening may take before E_UNAVAILABLE. Default 5,000. */
  readonly openTimeoutMs?: number
  /** False in the child of a scheduled run: the schema is checked but never migrated. Default true. */
  readonly migrate?: boolean
  /** True for who only looks: not even what a listing otherwise heals, sweeps or caches is written. Default false. */
  readonly readOnly?: boolean
}

export interface MemoryOptions extends CommonOptions {
  readonly type: 'memory'
}

/** Absolute paths; nothing needs to exist yet. */
export interface JsonlOptions extends CommonOptions {
  readonly type: 'jsonl'
  readonly conversationsDir: string
  readonly sessionGroupsFile: string
  readonly plansDir: string
  readonly historyFile: string
  readonly schedulesDir: string
  /** Runs, scheduling state and coordination. */
  readonly runsDir: string
}

export interface SqliteOptions extends CommonOptions {
  readonly type: 'sqlite'
  /** Absolute. */
  readonly path: string
}

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

export interface PostgresOptions extends CommonOptions {
  readonly type: 'postgres'
  /** When not empty it wins over the parts. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly database: string
  readonly username: string
  readonly password: string
  readonly sslMode: SslMode
  /** Connections for statements; the watch has one of its own. Default 1; a daemon asks for 4. */
  readonly poolSize?: number
}

export interface RedisOptions extends CommonOptions {
  readonly type: 'redis'
  /** When not empty it wins over the parts. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** An ACL user; empty means the default user. */
  readonly username: string
  readonly password: string
  readonly db: number
  readonly tls: boolean
}

/** What `openStores` needs: plain values with every path resolved, so that a backend never sees the configuration. */
export type StorageOptions = MemoryOptions | JsonlOptions | SqliteOptions | PostgresOptions | RedisOptions
