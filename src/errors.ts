/** What went wrong, as `--json` reports it and as scripts may match on it. */
export type ErrorCode = 'E_USAGE' | 'E_CONFIG' | 'E_NOT_FOUND' | 'E_UNREACHABLE' | 'E_FAILED' | 'E_INTERRUPTED'

/** The exit code of each error: 1 failed, 2 wrong usage or configuration, 3 not found, 4 unreachable, 130 interrupted. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  E_FAILED: 1,
  E_USAGE: 2,
  E_CONFIG: 2,
  E_NOT_FOUND: 3,
  E_UNREACHABLE: 4,
  E_INTERRUPTED: 130,
}

/**
 * An error meant for the person at the terminal.
 *
 * The message is one sentence that says what is wrong and where; `hint` says what to do about it.
 */
export class InferError extends Error {
  override readonly name = 'InferError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }

  get exitCode(): number {
    return EXIT_CODES[this.code]
  }
}
