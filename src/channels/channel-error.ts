/**
 * - `passing` the network or the service is away for a while
 * - `busy` too much was sent; again after `retryAfterMs`
 * - `refused` the same again would be refused again
 * - `format` the text is refused as it is formatted, not as such
 * - `unauthorised` the account is not accepted; nothing helps but another setting
 * - `conflict` somebody else receives for this account
 */
export type ChannelErrorKind = 'passing' | 'busy' | 'refused' | 'format' | 'unauthorised' | 'conflict'

/** Why something could not be sent or received. The message holds no secret. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError'
  readonly kind: ChannelErrorKind
  readonly retryAfterMs: number | undefined

  constructor(kind: ChannelErrorKind, message: string, retryAfterMs?: number) {
    super(message)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
  }
}

/** Whether sending the same again can never help. */
export function isRefusal(error: unknown): error is ChannelError {
  return error instanceof ChannelError && (error.kind === 'refused' || error.kind === 'format')
}
