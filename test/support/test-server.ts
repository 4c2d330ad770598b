import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { findBinary } from './binaries.ts'

/** A private server of the test run. */
export interface TestServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** A TCP port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Starts a program that dies with this process, whatever way this process ends. `user` drops root to that user. */
export function startBound(
  program: string,
  args: readonly string[],
  options: { cwd: string; signal: 'KILL' | 'QUIT'; user?: string },
): ChildProcess {
  const user = options.user ? [`--reuid=${options.user}`, `--regid=${options.user}`, '--init-groups'] : []
  const bound = [...user, `--pdeathsig=${options.signal}`, program, ...args]
  return spawn(findBinary('setpriv'), bound, { cwd: options.cwd, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Repeats `ask` until it succeeds; fails with what the server said when it ends first. */
export async function untilReady(server: ChildProcess, what: string, ask: () => Promise<unknown>): Promise<void> {
  let said = ''
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000)
  })
  const deadline = performance.now() + 30_000
  for (;;) {
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`${what} did not start: ${said}`)
    try {
      await ask()
      return
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${what} does not answer: ${said}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
  }
}

/** Ends a server and waits until it is gone. */
export async function stopServer(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill(signal)
  await gone
}
