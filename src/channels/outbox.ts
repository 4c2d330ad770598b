import type { Channel } from './channel.ts'
import { isRefusal } from './channel-error.ts'
import type { Term } from './channel-lease.ts'
import { pause, pauseAfter } from './pause.ts'

/** Why something was not sent: it was to be no more, and may have been sent or not. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
}

/** Sends while the lease is held: whatever may pass is tried again, in the order that it was asked for. */
export class Outbox {
  readonly #channel: Pick<Channel, 'split' | 'send'>
  readonly #term: Term

  constructor(channel: Pick<Channel, 'split' | 'send'>, term: Term) {
    this.#channel = channel
    this.#term = term
  }

  /** Sends markdown, in as many messages as it needs. Throws refusals, and NotSent when the signal or the lease ends it. */
  async say(recipient: string, markdown: string, signal: AbortSignal): Promise<void> {
    for (const text of this.#channel.split(markdown)) {
      await this.deliver((stop) => this.#channel.send({ recipient, text }, stop), signal)
    }
  }

  /** One call of the channel, until it succeeds. Throws as `say` does. */
  readonly deliver = async <T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
    const stop = AbortSignal.any([signal, this.#term.lost])
    for (let failures = 1; ; failures += 1) {
      if (!(await this.#term.confirmed(stop))) throw new NotSent('the channel is served elsewhere or stops')
      try {
        return await act(stop)
      } catch (error) {
        if (isRefusal(error)) throw error
        await pause(pauseAfter(error, failures), stop)
      }
    }
  }
}
