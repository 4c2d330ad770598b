/** Resolves after `ms`, or early when the signal aborts; never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

/** Sleeps of one sleeper, which `wake` ends early: the one under way, else the next one. */
export class Nap {
  #ended: AbortController | undefined
  #woken = false

  wake(): void {
    this.#woken = true
    this.#ended?.abort()
  }

  /** Resolves after `ms`, or when it is woken; never rejects. */
  async sleep(ms: number): Promise<void> {
    if (!this.#woken) {
      this.#ended = new AbortController()
      await sleep(ms, this.#ended.signal)
    }
    this.#woken = false
  }
}
