import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InferError } from '#errors.ts'
import { METRICS_TYPE } from './metrics.ts'

/** How long a client may take to send its request, in ms. */
const REQUEST_TIMEOUT_MS = 5_000

export interface HealthServerOptions {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** Why this daemon cannot take fires at present; undefined when it can. */
  readonly notReady: () => Promise<string | undefined>
  /** The page of `/metrics`. */
  readonly metrics: () => Promise<string>
}

/** Serves `/healthz`, `/readyz` and `/metrics` until it is disposed of. */
export interface HealthServer extends AsyncDisposable {
  /** The address, with the port that it got. */
  readonly url: string
}

/** Throws E_FAILED where nobody can listen at that address, for example because the port is in use. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { host, port } = options
  const pages: Readonly<Record<string, (response: ServerResponse) => Promise<void>>> = {
    '/healthz': async (response) => answer(response, 200, 'text/plain; charset=utf-8', 'ok\n'),
    '/readyz': async (response) => {
      const reason = await options.notReady()
      const body = reason === undefined ? { ready: true } : { ready: false, reason }
      answer(response, reason === undefined ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
    },
    '/metrics': async (response) => answer(response, 200, METRICS_TYPE, await options.metrics()),
  }
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    if (!page) return refuse(response, 404, 'there are /healthz, /readyz and /metrics')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return refuse(response, 405, 'only GET and HEAD')
    }
    page(response).catch((error: unknown) => refuse(response, 500, error instanceof Error ? error.message : 'failed'))
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, host, port)
  }
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  answer(response, status, 'text/plain; charset=utf-8', `${sentence}\n`)
}

function listenError(error: unknown, host: string, port: number): InferError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is in use`,
    EACCES: `this user may not listen on port ${port} of ${host}`,
    EADDRNOTAVAIL: `${host} is no address of this machine`,
    ENOTFOUND: `the name ${host} does not resolve`,
  }
  return new InferError('E_FAILED', reasons[code] ?? `nobody can listen on port ${port} of ${host} (${code})`, {
    hint: 'choose another one: --health-port PORT, --health-host HOST',
  })
}
