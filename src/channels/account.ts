import { createHash } from 'node:crypto'

/** Names a bot of Telegram, without its token: its inbox and approvals are kept under it. */
export function telegramAccount(token: string): string {
  return `telegram:${createHash('sha256').update(token).digest('hex').slice(0, 16)}`
}

/** Name of the lease that the daemon holds which serves an account. */
export function channelLease(account: string): string {
  return `channel:${account}`
}
