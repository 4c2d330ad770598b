/** What a log line carries beside its message; values are shown as they are. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Where the daemon and the scheduler say what they do. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
