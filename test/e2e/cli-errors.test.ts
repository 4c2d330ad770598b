import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliPlace, cliEnvironment, cliPlace, ensureBundle, INFER } from '../support/cli.ts'
import { openCliStores } from '../support/cli-samples.ts'
import { freePort } from '../support/test-server.ts'

let place: CliPlace
beforeEach(() => {
  place = cliPlace()
})
afterEach(() => place[Symbol.dispose]())

/** What a person sees: the sentence with the program's name, and what to do on a line of its own. */
const said = (message: string, hint?: string) => `infer: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`

describe('wrong usage', () => {
  it.each([
    [['plan', 'list'], 'There is no command "plan".', 'Did you mean: infer plans'],
    [['plans', 'lst'], 'There is no command "plans lst".', 'Did you mean: infer plans list'],
    [['schedule'], 'There is no command "schedule".', 'Did you mean: infer schedules'],
    [['xyzzy'], 'There is no command "xyzzy".', 'infer help lists the commands'],
    [['help', 'xyzzy'], 'There is no command "xyzzy".', 'infer help lists the commands'],
    [['constructor'], 'There is no command "constructor".', 'infer help lists the commands'],
    [['--raw'], '--raw stands before the command.', 'infer COMMAND, and flags behind it'],
    [['plans', 'list', '--jsno'], 'There is no flag --jsno; did you mean --json?', 'infer help plans list'],
    [['plans', 'list', '--key=hush'], 'There is no flag --key.', 'infer help plans list'],
    [['plans', 'show', 'x', 'y'], '"y" is an argument too many.', 'infer help plans show'],
    [['schedules', 'runs', '--limit', 'x'], '--limit: x is no whole number.', 'infer help schedules runs'],
    [['schedules', 'runs', '--limit'], '--limit expects a value.', 'infer help schedules runs'],
    [['plans', 'list', '--format', 'xml'], '--format is "xml"; allowed: json.', 'infer help plans list'],
    [
      ['schedules', 'create'],
      'The flag --cron is missing; the flag --prompt is missing.',
      'infer help schedules create',
    ],
    [
      ['schedules', 'create', '--cron', '@daily', '--prompt', 'x', '--channel', 'telegram'],
      '--channel needs --recipient too.',
      'infer help schedules create',
    ],
  ])('%j is exit 2 with one sentence', async (args, message, hint) => {
    const { code, stdout, stderr } = await place.run(args)
    expect(stderr).toBe(said(message, hint))
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  it.each([
    ['plans', 'show'],
    ['schedules', 'runs', '--limit', 'x'],
    ['schedules', 'create', '--nope'],
  ])('%s %s says the same as JSON on stdout, and nothing else', async (...args) => {
    const { code, stdout, stderr } = await place.run([...args, '--json'])
    const { error, ...rest } = JSON.parse(stdout)
    expect(rest).toEqual({})
    expect(Object.keys(error)).toEqual(['code', 'message', 'hint'])
    expect(error.code).toBe('E_USAGE')
    expect(stderr).toBe(said(error.message, error.hint))
    expect(`${stdout}${stderr}`).not.toMatch(/See more help|oclif|node_modules|\n\s+at /)
    expect(code).toBe(2)
  })

  it.each(['61 * * * *', 'not a cron', '@never'])('a bad expression %j is exit 2', async (expression) => {
    const { code, stderr } = await place.run(['schedules', 'preview', expression])
    expect(stderr).toMatch(/^infer: [^\n]+ allowed: [^\n]+\.\n$|^infer: [^\n]+ expected five: [^\n]+\.\n$/)
    expect(code).toBe(2)
  })

  it.each(['x', '-1', '65536', ''])('the port %j is refused in one sentence', async (port) => {
    const { code, stderr } = await place.run(['channels-manager', `--health-port=${port}`])
    expect(stderr).toMatch(/^infer: --health-port[^\n]+\.\n {2}infer help channels-manager\n$/)
    expect(stderr).not.toMatch(/Parsing|See more help/)
    expect(code).toBe(2)
  })

  it('refuses a prompt on stdin that is no text, instead of changing it', async () => {
    await ensureBundle()
    const args = [INFER, 'schedules', 'create', '--cron', '@daily', '--prompt', '-']
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: place.cwd,
      env: cliEnvironment(place.home),
      input: Buffer.from([0x61, 0xff, 0xfe]),
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 2, stderr: said('The prompt on stdin is not UTF-8 text.') })
    expect(await place.json(['schedules', 'list'])).toEqual([])
  })

  it('shows a stack only with --debug', async () => {
    const args = ['schedules', 'show', 'nobody']
    expect((await place.run(args)).stderr).not.toContain('\n    at ')
    expect((await place.run([...args, '--debug'])).stderr).toContain('\n    at ')
  })
})

describe('ids', () => {
  it('are exit 3 when there is none, and 2 when there are several', async () => {
    const none = await place.run(['plans', 'show', 'nothing', '--json'])
    expect(JSON.parse(none.stdout).error).toEqual({
      code: 'E_NOT_FOUND',
      message: 'There is no plan "nothing".',
      hint: 'infer plans list shows what there is',
    })
    expect(none.code).toBe(3)
    await using stores = await openCliStores(place)
    const [one] = [
      await stores.plans.save({ title: 'One', body: '1' }),
      await stores.plans.save({ title: 'Two', body: '2' }),
    ]
    const several = await place.run(['plans', 'show', '20'])
    expect(several.stderr).toMatch(/^infer: "20" could be 2 plans: \S+, \S+\.\n {2}Give more of the id\n$/)
    expect(several.code).toBe(2)
    expect((await place.run(['plans', 'show', `infer://plans/${one?.id}`])).stdout).toBe('# One\n\n1')
  })

  it('never come from a pipe', async () => {
    const { code, stderr } = await place.run(['plans', 'show'], { stdin: 'some-id\n' })
    expect(stderr).toContain('The argument PLAN is missing')
    expect(code).toBe(2)
    expect((await place.run(['schedules', 'runs', '--json'], { stdin: 'some-id\n' })).stdout).toBe('[]\n')
  })

  it('name jobs that can be read and never fire', async () => {
    const directory = join(place.home, '.infer/schedules')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'minute.yaml'), 'cron_expression: 60 * * * *\nprompt: x\n')
    writeFileSync(join(directory, 'zone.yaml'), 'cron_expression: "@daily"\nprompt: x\ntimezone: Mars/Base\n')
    const listed = await place.run(['schedules', 'list'])
    expect(listed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^minute .* never fires\nzone .* never fires$/m),
    })
    expect(listed.stderr).toContain('infer: warning: job minute never fires: In the minute field "60"')
    expect(listed.stderr).toContain('infer: warning: job zone never fires: The time zone "Mars/Base" is unknown')
    expect((await place.run(['schedules', 'show', 'zone', '--json'])).stderr).toContain('job zone never fires')
  })

  it('name what cannot be read, to show why', async () => {
    await place.json(['schedules', 'create', '--cron', '@daily', '--prompt', 'x'])
    const directory = join(place.home, '.infer/schedules')
    const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.yaml'))
    writeFileSync(join(directory, name), 'id: [\n')
    const id = name.replace('.yaml', '')
    const listed = await place.run(['schedules', 'list'])
    expect(listed.stderr).toContain(`infer: warning: job ${id} cannot be read`)
    expect(listed.code).toBe(0)
    const shown = await place.run(['schedules', 'show', id.slice(0, 8), '--json'])
    expect(JSON.parse(shown.stdout).error.code).toBe('E_CORRUPT')
    expect(shown.code).toBe(1)
  })
})

describe('what is not reachable', () => {
  it('is exit 4 for a gateway, in the words of the first five minutes', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const { code, stderr } = await place.run(['agent', 'say hello'], { env: { INFER_GATEWAY_URL: url } })
    expect(stderr).toBe(
      said(
        `No gateway answers at ${url} (connection refused).`,
        'Start one: docker run -d -p 8080:8080 ghcr.io/inference-gateway/inference-gateway; point elsewhere: ' +
          'infer config set gateway.url URL; or try without one: INFER_GATEWAY_MOCK=true infer agent "say hello"',
      ),
    )
    expect(code).toBe(4)
  })

  it.each(['postgres', 'redis'])('is exit 4 for %s', async (type) => {
    const env = { INFER_STORAGE_TYPE: type, [`INFER_STORAGE_${type.toUpperCase()}_PORT`]: String(await freePort()) }
    const { code, stdout } = await place.run(['plans', 'list', '--json'], { env })
    expect(JSON.parse(stdout).error.code).toBe('E_UNAVAILABLE')
    expect(code).toBe(4)
  })
})

describe('configuration', () => {
  it('is exit 2 with file, line and column', async () => {
    mkdirSync(join(place.cwd, '.infer'))
    const file = join(place.cwd, '.infer/config.yaml')
    writeFileSync(file, 'storage:\n  type: oracle\n')
    const { code, stderr } = await place.run(['plans', 'list'])
    expect(stderr).toMatch(`infer: ${file}:2:9: storage.type is "oracle"; allowed: `)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
  })

  it('cannot smuggle control characters into a warning or an error', async () => {
    mkdirSync(join(place.cwd, '.infer'))
    const file = join(place.cwd, '.infer/config.yaml')
    writeFileSync(file, '"\\e[2Jstorage\\u202e": 1\ngateway: {url: "http://x"}\n')
    const warned = await place.run(['plans', 'list'])
    expect(warned.stderr).toContain('\\x1b[2J')
    expect(warned.stderr).toContain('not yet trusted')
    expect(warned.code).toBe(0)
    const refused = await place.run(['plans', 'show', '\x1b[2J\u009b2J\u202e', '--json'])
    for (const text of [warned.stderr, refused.stderr, refused.stdout]) {
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    }
    expect(JSON.parse(refused.stdout).error.message).toContain('u001b')
  })
})

describe('secrets', () => {
  const SECRET = 'planted-secret-91'
  const env = {
    INFER_GATEWAY_API_KEY: SECRET,
    INFER_STORAGE_POSTGRES_PASSWORD: SECRET,
    INFER_STORAGE_REDIS_PASSWORD: SECRET,
    INFER_CHANNELS_TELEGRAM_BOT_TOKEN: SECRET,
  }

  it.each([
    [['plans', 'show', '--nope'], {}],
    [['plans', 'show', '--nope', '--json', '--debug'], {}],
    [['plans', 'show', 'nothing', '--json', '--debug'], {}],
    [['schedules', 'create', '--cron', 'x', '--prompt', 'y', '--json', '--debug'], {}],
    [['plans', 'list', '--json', '--debug'], { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_PORT: '1' }],
    [['plans', 'list', '--json', '--debug'], { INFER_STORAGE_TYPE: 'redis', INFER_STORAGE_REDIS_PORT: '1' }],
    [
      ['plans', 'list', '--debug'],
      { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_URL: `postgres://u:${SECRET}@127.0.0.1:1/x` },
    ],
    [
      ['plans', 'list', '--debug'],
      { INFER_STORAGE_TYPE: 'redis', INFER_STORAGE_REDIS_URL: `redis://u:${SECRET}@127.0.0.1:1/0` },
    ],
    [
      ['plans', 'list', '--debug'],
      { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_URL: `postgres://u:${SECRET}@[bad` },
    ],
    [['agent', 'say hello'], { INFER_GATEWAY_URL: 'http://127.0.0.1:2' }],
    [['agent', 'say hello'], { INFER_GATEWAY_URL: `http://u:${SECRET}@127.0.0.1:1` }],
    [['status', '--json'], { INFER_GATEWAY_URL: `http://u:${SECRET}@127.0.0.1:1` }],
    [
      ['status'],
      { INFER_GATEWAY_URL: 'http://127.0.0.1:2', INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_PORT: '1' },
    ],
    [['config', 'get', '--json'], {}],
    [['config', 'get', 'gateway'], {}],
    [['channels-manager'], {}],
  ])('are not in what %j prints', async (args, more) => {
    const { stdout, stderr } = await place.run(args, { env: { ...env, ...more } })
    expect(`${stdout}${stderr}`).not.toBe('')
    expect(`${stdout}${stderr}`).not.toContain(SECRET)
  })

  it('go to the file of the user, and are shown only when asked for', async () => {
    await place.run(['init'])
    const { stdout } = await place.run(['config', 'set', 'gateway.api_key', SECRET])
    expect(stdout).toBe(`${join(place.home, '.infer/config.yaml')}\n`)
    expect(readFileSync(join(place.cwd, '.infer/config.yaml'), 'utf8')).not.toContain(SECRET)
    expect((await place.run(['config', 'get', 'gateway.api_key'])).stdout).toBe('***\n')
    expect((await place.run(['config', 'get', 'gateway.api_key', '--show-secrets'])).stdout).toBe(`${SECRET}\n`)
  })
})

it('says in a sentence that stdout cannot be written', () => {
  const command = `"${process.execPath}" "${INFER}" help >/dev/full`
  const options = { cwd: place.cwd, env: cliEnvironment(place.home), encoding: 'utf8' } as const
  const { status, stderr } = spawnSync('bash', ['-c', command], options)
  expect([status, stderr]).toEqual([1, 'infer: Stdout cannot be written (ENOSPC).\n'])
})

describe('a reader that has seen enough', () => {
  it('is no error when it read the warnings either', async () => {
    mkdirSync(join(place.cwd, '.infer'))
    writeFileSync(join(place.cwd, '.infer/config.yaml'), 'a: 1\n')
    const command = `"${process.execPath}" "${INFER}" plans list 2>&1 >/dev/null | true; echo "\${PIPESTATUS[0]}"`
    const child = spawn('bash', ['-c', command], { cwd: place.cwd, env: cliEnvironment(place.home), stdio: 'pipe' })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    await once(child, 'close')
    expect(output).toBe('0\n')
  })

  it('is no error', async () => {
    await using stores = await openCliStores(place)
    await stores.plans.save({ title: 'Long', body: 'line\n'.repeat(200_000) })
    const [plan] = (await stores.plans.list()).plans
    const child = spawn(process.execPath, [INFER, 'plans', 'show', plan?.id ?? ''], {
      cwd: place.cwd,
      env: cliEnvironment(place.home),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdout.once('data', () => child.stdout.destroy())
    await once(child, 'close')
    expect(stderr).toBe('')
    expect(child.exitCode).toBe(0)
  })
})
