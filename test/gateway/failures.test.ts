import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { InferError } from '#errors.ts'
import { retryAfter } from '#gateway/classify-answer.ts'
import { ask, collect, connect, hostileServer, ONCE, QUICK, sse } from './support.ts'

/** An address where nobody listens: the port was free a moment ago. */
async function deadAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

async function failureOf(work: Promise<unknown>): Promise<InferError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof InferError)) throw new Error(`no InferError: ${inspect(error)}`)
  return error
}

describe('no gateway', () => {
  test('a refused address fails at once, with the sentence that says how to go on', async () => {
    const url = await deadAddress()
    await using connection = await connect(url, { ...QUICK, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 })
    const error = await failureOf(collect(connection.client.stream(ask('hi'))))
    expect(error).toMatchObject({ code: 'E_UNREACHABLE', exitCode: 4 })
    expect(`${error.message} ${error.hint}`).toBe(
      `No gateway answers at ${url} (connection refused). Start one: docker run -d -p 8080:8080 ghcr.io/inference-gateway/inference-gateway; point elsewhere: infer config set gateway.url URL; or try without one: INFER_GATEWAY_MOCK=true infer agent "say hello"`,
    )
    expect((await failureOf(connection.client.listModels(ask('').signal))).message).toBe(error.message)
  })

  test('so does a name that does not resolve', async () => {
    await using connection = await connect('http://no-such-host.invalid:8080', QUICK)
    expect((await failureOf(collect(connection.client.stream(ask('hi'))))).message).toBe(
      'No gateway answers at http://no-such-host.invalid:8080 (address not found).',
    )
  })

  test('a certificate that nobody trusts is refused at once', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'certificate-'))
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    await using connection = await connect(url, { ...QUICK, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 })
    const error = await failureOf(collect(connection.client.stream(ask('hi'))))
    expect(error).toMatchObject({ code: 'E_UNREACHABLE', failure: 'untrusted' })
    expect(error.message).toBe(`The certificate of the gateway at ${url} is refused (DEPTH_ZERO_SELF_SIGNED_CERT).`)
    server.close()
    rmSync(directory, { recursive: true })
  })

  test('no head of an answer in time', async () => {
    await using server = await hostileServer(() => {})
    await using connection = await connect(server.url, ONCE, { timeoutMs: 50 })
    expect(await failureOf(collect(connection.client.stream(ask('hi'))))).toMatchObject({
      code: 'E_UNREACHABLE',
      failure: 'timeout',
    })
  })
})

describe('a gateway that refuses', () => {
  const json = 'application/json'
  test.each([
    [404, 'text/html', '<h1>Not Found</h1>', { code: 'E_UNREACHABLE', failure: 'wrong_url' }],
    [404, json, '{"error":{"message":"no route"}}', { code: 'E_UNREACHABLE', failure: 'wrong_url' }],
    [200, 'text/html; charset=utf-8', '<h1>Welcome</h1>', { code: 'E_UNREACHABLE', failure: 'wrong_url' }],
    [401, json, '{"error":{"message":"bad key"}}', { code: 'E_CONFIG', failure: 'refused_key' }],
    [403, 'text/plain', 'forbidden', { code: 'E_CONFIG', failure: 'refused_key' }],
    [404, json, '{"error":{"code":"model_not_found"}}', { code: 'E_CONFIG', failure: 'unknown_model' }],
    [400, json, '{"error":"Unknown model: mock/model"}', { code: 'E_CONFIG', failure: 'unknown_model' }],
    [400, json, '{"error":{"message":"maximum context is 10"}}', { code: 'E_FAILED', failure: 'context_full' }],
    [413, 'text/plain', '', { code: 'E_FAILED', failure: 'context_full' }],
    [400, json, '{"error":{"message":"bad tool schema"}}', { code: 'E_FAILED', failure: 'status', status: 400 }],
    [502, 'text/html', '<h1>Bad Gateway</h1>', { code: 'E_FAILED', failure: 'status', status: 502 }],
  ])('%i %s %s', async (status, type, body, expected) => {
    await using server = await hostileServer((response) => {
      response.writeHead(status, { 'content-type': type }).end(body)
    })
    // With retries on: none of these but the last is tried again.
    await using connection = await connect(server.url, QUICK)
    const error = await failureOf(collect(connection.client.stream(ask('hi'))))
    expect(error).toMatchObject(expected)
    expect(error.hint).toBeTruthy()
    expect(error.message).not.toMatch(/[<\n]/)
    expect(server.count()).toBe(status === 502 ? QUICK.maxAttempts : 1)
  })

  test('a list of models that is a page or something else is a wrong address', async () => {
    for (const body of ['<html>', '{"data":5}', '']) {
      await using server = await hostileServer((response) => response.writeHead(200).end(body))
      await using connection = await connect(server.url)
      expect(await failureOf(connection.client.listModels(ask('').signal))).toMatchObject({ failure: 'wrong_url' })
    }
  })
})

describe('the API key is in no error', () => {
  const apiKey = 'sk-planted-secret-4711'
  const echo = JSON.stringify({ error: { message: `Incorrect API key provided: ${apiKey}.`, key: apiKey } })

  test.each([400, 401, 403, 404, 429, 500])('status %i whose body quotes it', async (status) => {
    await using server = await hostileServer((response) =>
      response.writeHead(status, { 'content-type': 'application/json', 'x-echo': apiKey }).end(echo),
    )
    await using connection = await connect(server.url, ONCE, { apiKey })
    const { client } = connection
    for (const work of [() => collect(client.stream(ask('hi'))), () => client.listModels(ask('').signal)]) {
      const error = await failureOf(work())
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(apiKey)
    }
  })

  test('an error inside a stream, and a broken connection', async () => {
    await using server = await hostileServer((response, number) => {
      if (number === 1) sse(response, JSON.parse(echo)).end()
      else response.destroy()
    })
    await using connection = await connect(server.url, ONCE, { apiKey })
    for (let request = 0; request < 2; request += 1) {
      const error = await failureOf(collect(connection.client.stream(ask('hi'))))
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(apiKey)
    }
  })

  test('a key that cannot be sent, and credentials in the address', async () => {
    const badKey = await failureOf(connect('http://localhost', ONCE, { apiKey: `${apiKey}\nx` }))
    const inUrl = await failureOf(connect(`http://user:${apiKey}@localhost:1`))
    const noHttp = await failureOf(connect(`ftp://user:${apiKey}@localhost`))
    for (const error of [badKey, inUrl, noHttp]) {
      expect(error.code).toBe('E_CONFIG')
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(apiKey)
    }
  })
})

test('Retry-After is seconds or a date', () => {
  const now = Date.UTC(2026, 0, 1)
  expect(retryAfter('7', now)).toBe(7000)
  expect(retryAfter('Thu, 01 Jan 2026 00:00:03 GMT', now)).toBe(3000)
  expect(retryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  expect(retryAfter('soon', now)).toBeUndefined()
  expect(retryAfter(undefined, now)).toBeUndefined()
})
