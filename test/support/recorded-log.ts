import type { Log, LogFields } from '#log.ts'

/** A log that keeps what it was told. */
export class RecordedLog implements Log {
  readonly lines: { level: keyof Log; message: string; fields: LogFields }[] = []
  readonly debug = this.#record('debug')
  readonly info = this.#record('info')
  readonly warn = this.#record('warn')
  readonly error = this.#record('error')

  /** The messages of the given levels, in order. */
  messages(...levels: (keyof Log)[]): string[] {
    return this.lines.filter(({ level }) => levels.includes(level)).map(({ message }) => message)
  }

  #record(level: keyof Log): (message: string, fields?: LogFields) => void {
    return (message, fields = {}) => void this.lines.push({ level, message, fields })
  }
}
