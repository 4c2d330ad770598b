import { setTimeout as sleep } from 'node:timers/promises'
import { InferError } from '#errors.ts'
import type { GatewayConnection } from '#gateway/connect.ts'

/** A gateway that has not answered after so many ms may be slow: what is asked of it next will show. */
const WAIT_MS = 2_000

/**
 * Fails at once when nothing answers at the address of the gateway (E_UNREACHABLE). An answer of any kind is enough:
 * a gateway that lists no models may still talk.
 */
export async function requireGateway(
  { client }: Pick<GatewayConnection, 'client'>,
  signal: AbortSignal,
): Promise<void> {
  const listed = client.listModels(signal).catch((error: unknown) => {
    if (error instanceof InferError && error.code === 'E_UNREACHABLE') throw error
  })
  await Promise.race([listed, sleep(WAIT_MS, undefined, { ref: false })])
  signal.throwIfAborted()
}
