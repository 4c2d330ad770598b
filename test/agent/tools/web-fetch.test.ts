import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { authoriseBy } from '#agent/approval.ts'
import { type WebFetchDependencies, webFetchTool } from '#agent/tools/web-fetch.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { waitFor } from '../../support/wait-for.ts'
import { callTool } from './call-tool.ts'
import { newDirectory } from './in-directory.ts'

const MAX_SIZE = 100_000
const requests: IncomingMessage[] = []
let port: number
let tlsPort: number
const servers: Server[] = []
let directory: Awaited<ReturnType<typeof newDirectory>>

const listener: RequestListener = (request, response) => {
  requests.push(request)
  const url = new URL(request.url ?? '/', 'http://x')
  const send = (headers: Record<string, string>, body: string | Buffer) => response.writeHead(200, headers).end(body)
  switch (url.pathname) {
    case '/to':
      return response.writeHead(302, { location: url.searchParams.get('url') ?? '' }).end()
    case '/loop':
      return response.writeHead(307, { location: `/loop?${Number(url.search.slice(1)) + 1}` }).end()
    case '/gzip':
      return send({ 'content-type': 'text/plain', 'content-encoding': 'gzip' }, gzipSync('zipped'))
    case '/br':
      return send({ 'content-type': 'text/plain', 'content-encoding': 'br' }, brotliCompressSync('pressed'))
    case '/bomb':
      return send({ 'content-type': 'text/plain', 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(50_000_000, 97)))
    case '/endless': {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      }
      response.on('drain', more)
      return more()
    }
    case '/broken':
      return send({ 'content-type': 'text/plain', 'content-encoding': 'gzip' }, 'no gzip')
    case '/cut':
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' })
      return response.write('x', () => response.destroy())
    case '/silent':
      return
    case '/slow-body':
      return response.writeHead(200, { 'content-type': 'text/plain' }).write('begun')
    case '/long':
      return send({ 'content-type': 'text/plain' }, 'ab'.repeat(49_000) + 'z'.repeat(1_999))
    case '/huge':
      return send({ 'content-type': 'text/plain' }, 'x'.repeat(150_000))
    case '/png':
      return send({ 'content-type': 'image/png' }, 'x')
    case '/missing':
      return response.writeHead(404, { 'content-type': 'text/plain' }).end('gone')
    default:
      return send({ 'content-type': 'text/html', 'set-cookie': 'a=b' }, '<h1>Hello</h1><p>world</p>')
  }
}

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  directory = await newDirectory()
  const [key, cert] = [join(directory.path, 'key.pem'), join(directory.path, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const output = ['-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...output], {
    stdio: 'ignore',
  })
  port = await listen(createServer(listener))
  tlsPort = await listen(createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, listener))
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await directory[Symbol.asyncDispose]()
})
beforeEach(() => {
  requests.length = 0
})

const here = [{ address: '127.0.0.1', family: 4 }]

function tool(changes: Partial<WebFetchDependencies> = {}) {
  return webFetchTool({
    allowedDomains: ['localhost', 'other.test'],
    maxSize: MAX_SIZE,
    timeoutMs: 20_000,
    allowRedirect: true,
    requireApproval: true,
    resolver: async () => here,
    ...changes,
  })
}

const fetch = (path: string, changes?: Partial<WebFetchDependencies>, args: JsonObject = {}) =>
  callTool(tool(changes), { url: path.startsWith('/') ? `http://localhost:${port}${path}` : path, ...args })

describe('WebFetch', () => {
  it('returns the text of a page, and sends no more than it must', async () => {
    expect(await fetch('/a?b=c')).toEqual({
      url: `http://localhost:${port}/a?b=c`,
      status: 200,
      content_type: 'text/html',
      content: 'Hello\n\nworld',
      total_characters: 12,
    })
    expect(requests[0]?.method).toBe('GET')
    expect(Object.keys(requests[0]?.headers ?? {}).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ])
    expect((await fetch('/a', {}, { format: 'raw' })).content).toBe('<h1>Hello</h1><p>world</p>')
    await fetch('/to?url=/a')
    for (const { headers } of requests) expect(headers.cookie).toBeUndefined()
  })

  it('takes no proxy from the environment', async () => {
    const before = { ...process.env }
    Object.assign(process.env, {
      http_proxy: 'http://127.0.0.1:1',
      HTTP_PROXY: 'http://127.0.0.1:1',
      NODE_USE_ENV_PROXY: '1',
    })
    try {
      expect(await fetch('/a')).toMatchObject({ status: 200 })
    } finally {
      for (const name of ['http_proxy', 'HTTP_PROXY', 'NODE_USE_ENV_PROXY']) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })

  it('unpacks, and tells statuses', async () => {
    expect((await fetch('/gzip')).content).toBe('zipped')
    expect((await fetch('/br')).content).toBe('pressed')
    expect(await fetch('/missing')).toMatchObject({ status: 404, content: 'gone' })
  })

  it('reads no more than the limit, also of what unpacks to more', async () => {
    for (const path of ['/huge', '/bomb', '/endless']) {
      await expect(fetch(path)).rejects.toThrow('the page has more than 100000 bytes (tools.web_fetch.safety.max_size)')
    }
  })

  it('returns a part of a long page, and the rest when asked', async () => {
    const limit = { maxSize: 1_000_000 }
    const first = await fetch('/huge', limit)
    expect(first).toMatchObject({
      total_characters: 150_000,
      note: 'characters 0 to 100000; read on with offset 100000',
    })
    expect((first.content as string).length).toBe(100_000)
    expect((await fetch('/long', limit, { offset: 99_990 })).content).toBe('z'.repeat(9))
    await expect(fetch('/long', limit, { offset: 100_000 })).rejects.toThrow('the page has 99999 characters')
  })

  it('refuses what is no text, broken or cut', async () => {
    await expect(fetch('/png')).rejects.toThrow('the page is image/png')
    await expect(fetch('/broken')).rejects.toThrow('the page broke off (Z_DATA_ERROR)')
    await expect(fetch('/cut')).rejects.toThrow('the page broke off (ECONNRESET)')
    await expect(fetch('http://localhost:1/')).rejects.toThrow('localhost cannot be reached (ECONNREFUSED)')
  })

  it('gives up in time, before and within the answer', async () => {
    for (const path of ['/silent', '/slow-body']) {
      await expect(fetch(path, { timeoutMs: 300 })).rejects.toThrow(
        'not there within 0.3 s (tools.web_fetch.safety.timeout)',
      )
    }
    const never = { timeoutMs: 300, resolver: () => new Promise<never>(() => {}) }
    await expect(fetch('/a', never)).rejects.toThrow('not there within 0.3 s')
  })

  it('stops when the run is stopped', async () => {
    const stop = new AbortController()
    const running = callTool(tool(), { url: `http://localhost:${port}/silent` }, stop.signal)
    running.catch(() => {})
    await waitFor('the request', () => requests.length > 0)
    stop.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
  })

  it('refuses a certificate that nobody vouches for', async () => {
    await expect(fetch(`https://localhost:${tlsPort}/`)).rejects.toThrow(
      'the certificate of localhost is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
    )
    const pinned = { allowedDomains: ['only-here.invalid'] }
    await expect(fetch(`https://only-here.invalid:${tlsPort}/`, pinned)).rejects.toThrow(
      'the certificate of only-here.invalid is not trusted',
    )
    expect(requests).toEqual([])
  })
})

describe('WebFetch and redirects', () => {
  const to = (url: string) => `/to?url=${encodeURIComponent(url)}`

  it('follows them within the list', async () => {
    expect(
      await fetch(to(`http://other.test:${port}/x`), { allowedDomains: ['localhost', 'other.test'] }),
    ).toMatchObject({
      url: `http://other.test:${port}/x`,
    })
  })

  it('follows at most five', async () => {
    await expect(fetch('/loop?0')).rejects.toThrow('redirects more than 5 times')
    expect(requests).toHaveLength(6)
  })

  it('follows none when the settings say so', async () => {
    await expect(fetch(to('/x'), { allowRedirect: false })).rejects.toThrow(
      'tools.web_fetch.safety.allow_redirect is false',
    )
    expect(requests).toHaveLength(1)
  })

  it.each([
    ['http://off.list/', 'off.list is not in tools.web_fetch.allowed_domains (localhost, other.test)'],
    ['http://127.0.0.1/', '127.0.0.1 is not in tools.web_fetch.allowed_domains'],
    ['http://2130706433/', 'a way to write 127.0.0.1'],
    ['http://user:pass@localhost/', 'user or password'],
    ['file:///etc/passwd', 'not file'],
  ])('refuses one to %s', async (url, message) => {
    await expect(fetch(to(url))).rejects.toThrow(message)
    expect(requests).toHaveLength(1)
  })

  it('refuses one that leads to a private address', async () => {
    const list = { allowedDomains: ['localhost', 'example.com'] }
    await expect(fetch(to(`http://sub.example.com:${port}/`), list)).rejects.toThrow(
      'sub.example.com leads to 127.0.0.1',
    )
    expect(requests).toHaveLength(1)
  })

  it('refuses one from a page of https to http', async () => {
    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, readFileSync(join(directory.path, 'cert.pem'), 'utf8')])
    try {
      expect(await fetch(`https://localhost:${tlsPort}/a`)).toMatchObject({ status: 200 })
      const down = fetch(`https://localhost:${tlsPort}${to(`http://localhost:${port}/`)}`)
      await expect(down).rejects.toThrow('redirects from https to http')
    } finally {
      setDefaultCACertificates(trusted)
    }
  })

  it('refuses one to what nobody agreed to', async () => {
    const { checkRedirect } = await import('#agent/web/fetch-page.ts')
    const { webAddress } = await import('#agent/web/web-address.ts')
    const { DomainList } = await import('#agent/web/domain-list.ts')
    const check = (from: string, next: string, domains: string[] = []) =>
      checkRedirect(webAddress(from), webAddress(next), new DomainList(domains))
    expect(() => check('https://a.dev/', 'http://a.dev/')).toThrow('redirects from https to http')
    expect(() => check('https://a.dev/', 'https://b.dev/')).toThrow('to go on, fetch https://b.dev/')
    expect(() => check('http://a.dev/', 'https://www.a.dev/')).not.toThrow()
    expect(() => check('https://a.dev/', 'https://b.dev/', ['a.dev', 'b.dev'])).not.toThrow()
  })
})

describe('WebFetch and addresses', () => {
  it.each([
    'http://127.0.0.1/',
    'http://10.1.2.3/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://0.0.0.0/',
  ])('never asks %s', async (url) => {
    await expect(fetch(url, { allowedDomains: [] })).rejects.toThrow('which is not on the public internet')
  })

  it('refuses a name that leads to a private address, also beside public ones', async () => {
    const resolver = async () => [{ address: '93.184.215.14', family: 4 }, ...here]
    const url = `http://evil.example:${port}/`
    await expect(fetch(url, { allowedDomains: [], resolver })).rejects.toThrow('evil.example leads to 127.0.0.1')
    await expect(fetch(url, { allowedDomains: ['example'], resolver })).rejects.toThrow('leads to 127.0.0.1')
    expect(requests).toEqual([])
  })

  it('asks for the addresses of a name once and connects to what was checked', async () => {
    let asked = 0
    const resolver = async () => {
      asked += 1
      return asked === 1 ? here : [{ address: '127.0.0.2', family: 4 }]
    }
    expect(
      await fetch(`http://only-here.invalid:${port}/`, { allowedDomains: ['only-here.invalid'], resolver }),
    ).toMatchObject({
      status: 200,
    })
    expect(asked).toBe(1)
  })

  it('says that a host was not found', async () => {
    const resolver = () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }))
    await expect(fetch('/a', { resolver })).rejects.toThrow('the host localhost was not found (ENOTFOUND)')
  })
})

describe('WebFetch and approval', () => {
  const call = { id: 'c', type: 'function' as const, function: { name: 'WebFetch', arguments: '{}' } }
  const verdict = (mode: 'standard' | 'auto', url: string, changes: Partial<WebFetchDependencies>) => {
    const one = tool(changes)
    const args = one.parse({ url })
    return authoriseBy({ mode, behaviour: 'prompt' })(
      { call, tool: one, args, description: undefined },
      new AbortController().signal,
    )
  }

  it('needs one for every fetch without a list, and none with a list', async () => {
    expect(await verdict('standard', 'https://a.dev/', { allowedDomains: [] })).toMatchObject({ kind: 'blocked' })
    expect(await verdict('auto', 'https://a.dev/', { allowedDomains: [] })).toEqual({ kind: 'allowed' })
    expect(await verdict('standard', 'https://x.a.dev/', { allowedDomains: ['a.dev'] })).toEqual({ kind: 'allowed' })
    expect(await verdict('standard', 'https://a.dev/', { allowedDomains: [], requireApproval: false })).toEqual({
      kind: 'allowed',
    })
  })

  it('is blocked off the list in every mode, and names the key', async () => {
    for (const mode of ['standard', 'auto'] as const) {
      expect(await verdict(mode, 'https://b.dev/', { allowedDomains: ['a.dev'] })).toEqual({
        kind: 'blocked',
        reason: 'b.dev is not in tools.web_fetch.allowed_domains (a.dev)',
      })
    }
  })

  it('says before anybody is asked what it would fetch, or why it cannot', async () => {
    const one = tool()
    expect(await one.prepare?.(one.parse({ url: 'HTTP://Localhost/a' }))).toBe('Fetch http://localhost/a')
    await expect(one.prepare?.(one.parse({ url: 'ftp://localhost/' }))).rejects.toThrow('only http and https')
  })
})
