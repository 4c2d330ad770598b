import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { httpFetch } from '#gateway/http-fetch.ts'
import { PlainHeaders } from '#gateway/plain-headers.ts'
import { waitFor } from '../support/wait-for.ts'

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => void answer(request, response)).on(
    'connection',
    (socket: Socket) => sockets.add(socket),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const { signal } = new AbortController()
const post = { method: 'POST', headers: [['authorization', 'Bearer key']] as const, body: 'asked', signal }

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) text += piece
  return text
}

test('a request is sent with its length and nothing packed, and a connection is used again', async () => {
  await using server = await serve(async (request, response) => {
    const { headers } = request
    response.setHeader('X-Seen', 'yes')
    response.end(JSON.stringify([await bodyOf(request), headers['content-length'], headers['accept-encoding']]))
  })
  for (let n = 0; n < 3; n += 1) {
    const answer = await httpFetch(server.url, post)
    expect([answer.status, answer.ok, answer.headers.get('x-seen')]).toEqual([200, true, 'yes'])
    expect(await answer.json()).toEqual(['asked', '5', 'identity'])
  }
  expect(server.sockets.size).toBe(1)
})

test('a request goes again, as it is, where the gateway points; a key goes to no other place', async () => {
  await using other = await serve(async (request, response) => {
    response.end(JSON.stringify([request.method, request.url, await bodyOf(request), request.headers.authorization]))
  })
  await using server = await serve(async (request, response) => {
    if (request.url === '/here') response.writeHead(308, { location: '/there' }).end()
    else if (request.url === '/away') response.writeHead(307, { location: `${other.url}/end` }).end()
    else if (request.url === '/get') response.writeHead(302, { location: '/there' }).end()
    else
      response.end(JSON.stringify([request.method, request.url, await bodyOf(request), request.headers.authorization]))
  })
  expect(await (await httpFetch(`${server.url}/here`, post)).json()).toEqual(['POST', '/there', 'asked', 'Bearer key'])
  expect(await (await httpFetch(`${server.url}/away`, post)).json()).toEqual(['POST', '/end', 'asked', null])
  expect((await httpFetch(`${server.url}/get`, post)).status).toBe(302)
  const get = { method: 'GET', headers: [], signal }
  expect(await (await httpFetch(`${server.url}/get`, get)).json()).toEqual(['GET', '/there', '', null])
})

test('redirects that never end are an error', async () => {
  await using server = await serve((_, response) => response.writeHead(307, { location: '/' }).end())
  await expect(httpFetch(server.url, post)).rejects.toThrow('more than 20 redirects')
})

test('a connection that was closed while it rested is not an error', async () => {
  let asked = 0
  await using server = await serve(async (request, response) => {
    asked += 1
    await bodyOf(request)
    if (asked === 2) request.socket.destroy()
    else response.end('done')
  })
  expect(await (await httpFetch(server.url, post)).text()).toBe('done')
  expect(await (await httpFetch(server.url, post)).text()).toBe('done')
  expect([asked, server.sockets.size]).toEqual([3, 2])
})

test('a new connection that breaks is an error', async () => {
  await using server = await serve((request) => request.socket.destroy())
  await expect(httpFetch(server.url, post)).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect(httpFetch('http://127.0.0.1:1', post)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('an abort ends the request with its reason, and the connection', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/body') response.write('first')
  })
  const reason = new Error('enough')
  const before = new AbortController()
  const waiting = httpFetch(`${server.url}/head`, { ...post, signal: before.signal })
  await waitFor('the connection', () => server.sockets.size === 1)
  before.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  const within = new AbortController()
  const answer = await httpFetch(`${server.url}/body`, { ...post, signal: within.signal })
  within.abort(reason)
  await expect(answer.text()).rejects.toThrow()
  await waitFor('the end of the connections', () => [...server.sockets].every((socket) => socket.destroyed))
  await expect(httpFetch(server.url, { ...post, signal: within.signal })).rejects.toBe(reason)
})

test('an abort after the end does nothing to the connection that others use', async () => {
  await using server = await serve((_, response) => response.end('done'))
  for (let n = 0; n < 20; n += 1) {
    const stop = new AbortController()
    const answer = await httpFetch(server.url, { ...post, signal: stop.signal })
    expect(await answer.text()).toBe('done')
    stop.abort(new Error('the run is over'))
  }
})

test('an abort as the last piece arrives breaks nothing but the answer', async () => {
  await using server = await serve((_, response) => {
    response.write('first')
    response.end('last')
  })
  for (let n = 0; n < 20; n += 1) {
    const stop = new AbortController()
    const { body } = await httpFetch(server.url, { ...post, signal: stop.signal })
    const read = async () => {
      for await (const _ of body) stop.abort(new Error('the run is over'))
    }
    await read().catch(() => {})
    await waitFor('the end of the answer', () => body.destroyed)
  }
})

test('a header that cannot be sent is an error', async () => {
  const headers = [['x-one', 'two\nlines']] as const
  await expect(httpFetch('http://127.0.0.1:1', { ...post, headers })).rejects.toThrow('x-one')
})

test('headers are found in any case, and given out in small letters', () => {
  const headers = new PlainHeaders()
  headers.set('Accept', 'text/html ')
  headers.append('ACCEPT', 'text/plain')
  headers.append('X-Gone', '1')
  headers.delete('x-gone')
  expect([...headers]).toEqual([['accept', 'text/html, text/plain']])
  expect([headers.get('aCCept'), headers.get('x-gone'), headers.has('x-gone')]).toEqual([
    'text/html, text/plain',
    null,
    false,
  ])
})
