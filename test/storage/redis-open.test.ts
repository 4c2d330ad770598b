import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StorageError } from '#storage/contract/errors.ts'
import type { RedisOptions } from '#storage/options.ts'
import { redisAddress } from '#storage/redis/address.ts'
import { openRedis } from '#storage/redis/open.ts'
import { testDirectory } from '../support/backends.ts'
import { cleanEnvironment } from '../support/environment.ts'
import { REDIS_PASSWORD, startRedis } from '../support/redis-server.ts'
import { freePort, type TestServer } from '../support/test-server.ts'
import { job } from './conformance/samples.ts'
import { redisOptions, warningsOf, withClient, withRedis } from './redis-setup.ts'

const directory = testDirectory()
let server: TestServer
let tlsPort: number

beforeAll(async () => {
  tlsPort = await freePort()
  const certificate = join(directory, 'cert.pem')
  const key = join(directory, 'key.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate]
  execFileSync('openssl', [...request, ...subject], { stdio: 'ignore' })
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', certificate, '--tls-key-file', key]
  const args = [
    '--save',
    '',
    '--appendonly',
    'no',
    ...tls,
    '--tls-ca-cert-file',
    certificate,
    '--tls-auth-clients',
    'no',
  ]
  server = await startRedis(directory, { name: 'open', args })
})
afterAll(() => server.stop())

/** The refusal, after a look through all of it for the password. */
async function refusal(options: RedisOptions, secret = REDIS_PASSWORD): Promise<StorageError> {
  const error = await openRedis(options).then(
    () => undefined,
    (cause: StorageError) => cause,
  )
  expect(error).toMatchObject({ name: 'StorageError', backend: 'redis' })
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret)
  return error as StorageError
}

function user(name: string, rules: string[]): Promise<unknown> {
  return withClient(server.url, (client) =>
    client.call('ACL', 'SETUSER', name, 'reset', 'on', '>user-secret', ...rules),
  )
}

function as(name: string): string {
  return server.url.replace(`:${REDIS_PASSWORD}@`, `${name}:user-secret@`)
}

describe('address', () => {
  test('the URL wins, and what it leaves out comes from the parts', () => {
    const parts = redisOptions('', { host: 'h', port: 7, username: 'u', password: 'p', db: 2, tls: true })
    expect(redisAddress(parts)).toMatchObject({ host: 'h', port: 7, location: 'rediss://u@h:7/2' })
    expect(redisAddress({ ...parts, url: 'redis://[::1]/5' })).toMatchObject({
      host: '::1',
      port: 6379,
      username: 'u',
      password: 'p',
      db: 5,
      location: 'rediss://u@[::1]:6379/5',
    })
    expect(redisAddress(redisOptions('rediss://a%40b:c%2Fd@x:1'))).toMatchObject({
      username: 'a@b',
      password: 'c/d',
      tls: true,
    })
  })

  test.for([
    'localhost:6379',
    'http://x',
    `redis://:${REDIS_PASSWORD}@x/y`,
    `redis://:${REDIS_PASSWORD}%zz@x`,
    `redis://:${REDIS_PASSWORD}@x:99999`,
  ])('%s is refused without being repeated', async (url) => {
    expect(await refusal(redisOptions(url))).toMatchObject({ code: 'E_INVALID' })
  })
})

describe('refusals', () => {
  test('nobody listens', async () => {
    const port = await freePort()
    const { code, message } = await refusal(redisOptions(`redis://:${REDIS_PASSWORD}@127.0.0.1:${port}`))
    expect([code, message]).toEqual(['E_UNAVAILABLE', `Redis at redis://127.0.0.1:${port}/0 refuses connections`])
  })

  test('the host name is unknown', async () => {
    const { code, message } = await refusal(redisOptions(`redis://:${REDIS_PASSWORD}@no-such-host.invalid`))
    expect([code, message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('its host name is unknown')])
  })

  test('a wrong password, and none', async () => {
    const wrong = await refusal(redisOptions(server.url.replace(REDIS_PASSWORD, 'wrong-secret')), 'wrong-secret')
    expect(wrong.message).toContain('does not accept user and password')
    const none = await refusal(redisOptions(server.url.replace(`:${REDIS_PASSWORD}@`, '')))
    expect([none.code, none.message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('wants a password')])
  })

  test('a server that does not answer, within the time given', async () => {
    const port = await freePort()
    const silent = createServer(() => {}).listen(port, '127.0.0.1')
    await once(silent, 'listening')
    const error = await refusal(redisOptions(`redis://127.0.0.1:${port}`, { openTimeoutMs: 200 }))
    expect([error.code, error.message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('did not answer in time')])
    silent.close()
  })

  test('a database that the server does not have', async () => {
    const error = await refusal(redisOptions(`${server.url}/999`))
    expect([error.code, error.message]).toEqual([
      'E_UNAVAILABLE',
      expect.stringContaining('no database of that number'),
    ])
  })

  test('a user who may do too little', async () => {
    await user('small', ['~other:*', '+@all'])
    const error = await refusal(redisOptions(as('small')), 'user-secret')
    expect([error.code, error.message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('does not permit the user')])
  })

  test('a newer schema, before any write', async () => {
    const url = `${server.url}/9`
    await withClient(url, (client) => client.set('infer:schema', '2'))
    expect(await refusal(redisOptions(url))).toMatchObject({ code: 'E_SCHEMA_NEWER' })
    expect(await withClient(url, (client) => client.keys('*'))).toEqual(['infer:schema'])
  })

  test('a newer schema that came meanwhile is told by health', async () => {
    await withRedis(redisOptions(`${server.url}/10`), async (stores) => {
      await stores.health()
      await withClient(`${server.url}/10`, (client) => client.set('infer:schema', '2'))
      await expect(stores.health()).rejects.toMatchObject({ code: 'E_SCHEMA_NEWER' })
    })
  })

  test('a cluster', async () => {
    const cluster = await startRedis(directory, { name: 'cluster', args: ['--cluster-enabled', 'yes'] })
    const error = await refusal(redisOptions(cluster.url))
    expect([error.code, error.message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('part of a cluster')])
    await cluster.stop()
  })

  test('a read-only replica, also one that becomes it', async () => {
    const primary = new URL(server.url)
    const replica = await startRedis(directory, { name: 'replica', args: ['--masterauth', REDIS_PASSWORD] })
    await withRedis(redisOptions(replica.url), async (stores) => {
      await withClient(replica.url, (client) => client.replicaof(primary.hostname, primary.port))
      const error = await stores.shellHistory.append('x').catch((cause: StorageError) => cause)
      expect(error).toMatchObject({ code: 'E_UNAVAILABLE', message: expect.stringContaining('read-only replica') })
      expect((await refusal(redisOptions(replica.url))).message).toContain('read-only replica')
    })
    await replica.stop()
  })
})

describe('users and TLS', () => {
  test('an ACL user with what the hint grants can do everything', async () => {
    const rules = ['~infer:*', '&infer:*', '&__keyspace@*__:infer:*', '+@all', '-@admin', '-@dangerous', '+info']
    await user('enough', rules)
    const warnings: string[] = []
    const options = redisOptions(`${as('enough')}/11`, { warn: (message) => warnings.push(message) })
    await withRedis(options, async (stores) => {
      expect(stores.location).toBe(`redis://enough@${new URL(server.url).host}/11`)
      await stores.scheduledJobs.save(job('a'))
      await stores.shellHistory.append('line')
      expect((await stores.scheduledJobs.list()).jobs).toHaveLength(1)
      await stores.scheduledJobs.delete('a')
    })
    expect(warnings).toEqual([
      expect.stringContaining('does not permit CONFIG: whether it persists could not be checked'),
    ])
  })

  test('where INFO is refused, a warning says what could not be checked', async () => {
    await user('blind', ['~infer:*', '&*', '+@all', '-info', '-config'])
    expect(await warningsOf(redisOptions(`${as('blind')}/12`))).toEqual([
      expect.stringContaining('does not permit INFO'),
    ])
  })

  test('a certificate that is not trusted is refused', async () => {
    const url = `rediss://:${REDIS_PASSWORD}@localhost:${tlsPort}`
    const error = await refusal(redisOptions(url))
    expect([error.code, error.message]).toEqual(['E_UNAVAILABLE', expect.stringContaining('not trusted')])
    expect((await refusal(redisOptions(url.replace('rediss', 'redis'), { tls: true }))).message).toContain(
      'not trusted',
    )
  })

  test('with NODE_EXTRA_CA_CERTS it is trusted; the process ends by itself, its watch included', () => {
    const url = `rediss://:${REDIS_PASSWORD}@localhost:${tlsPort}`
    const program = `
      import { openRedis } from '#storage/redis/open.ts'
      const stores = await openRedis({ ...${JSON.stringify(redisOptions(url))}, warn() {} })
      const changes = stores.scheduledJobs.watch({ signal: new AbortController().signal })[Symbol.asyncIterator]()
      console.log(stores.location, (await changes.next()).value.type)
      await stores[Symbol.asyncDispose]()`
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      timeout: 20_000,
      env: cleanEnvironment({ NODE_EXTRA_CA_CERTS: join(directory, 'cert.pem') }),
    })
    expect([child.stdout, child.stderr, child.status]).toEqual([`rediss://localhost:${tlsPort}/0 synced\n`, '', 0])
  })

  test('a plain connection to a TLS port, and TLS to a plain port', async () => {
    const plain = `redis://:${REDIS_PASSWORD}@127.0.0.1:${tlsPort}`
    for (const options of [redisOptions(plain), redisOptions(server.url, { tls: true })]) {
      const error = await refusal({ ...options, openTimeoutMs: 500 })
      expect([error.code, error.hint]).toEqual(['E_UNAVAILABLE', expect.stringContaining('storage.redis.tls')])
    }
  })
})

describe('what the server is like', () => {
  test('no persistence is a warning; an append-only file or save points are enough', async () => {
    expect(await warningsOf(redisOptions(server.url))).toEqual([expect.stringContaining('does not persist')])
    await withClient(server.url, (client) => client.config('SET', 'save', '900 1'))
    expect(await warningsOf(redisOptions(server.url))).toEqual([])
    await withClient(server.url, (client) => client.config('SET', 'save', ''))
    await withClient(server.url, (client) => client.config('SET', 'appendonly', 'yes'))
    expect(await warningsOf(redisOptions(server.url))).toEqual([])
    await withClient(server.url, (client) => client.config('SET', 'appendonly', 'no'))
  })

  test('only a policy that can drop our keys is a warning, and only under a limit', async () => {
    const warned = (limit: string, policy: string) =>
      withClient(server.url, async (client) => {
        await client.config('SET', 'maxmemory', limit)
        await client.config('SET', 'maxmemory-policy', policy)
        return (await warningsOf(redisOptions(server.url))).filter((message) => message.includes('drop our keys'))
      })
    expect(await warned('0', 'allkeys-lru')).toEqual([])
    expect(await warned('1gb', 'volatile-lru')).toEqual([])
    expect(await warned('1gb', 'allkeys-lru')).toEqual([expect.stringContaining('maxmemory-policy allkeys-lru')])
    expect(await warned('0', 'noeviction')).toEqual([])
  })

  test('without migration nothing is written', async () => {
    await withRedis(redisOptions(`${server.url}/13`, { migrate: false }), async (stores) => {
      expect((await stores.scheduledJobs.list()).jobs).toEqual([])
    })
    expect(await withClient(`${server.url}/13`, (client) => client.dbsize())).toBe(0)
  })
})
