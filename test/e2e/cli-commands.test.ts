import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GITIGNORE } from '#infer-dir.ts'
import { type CliPlace, cliPlace } from '../support/cli.ts'
import { openCliStores } from '../support/cli-samples.ts'

let place: CliPlace
beforeEach(() => {
  place = cliPlace()
})
afterEach(() => place[Symbol.dispose]())

const CREATE = ['schedules', 'create', '--cron', '@daily', '--prompt', 'say hello']
const NO_DAEMON =
  'infer: warning: no daemon that runs jobs was seen for 60 s, so nothing will fire: start one with ' +
  'infer config set tools.schedule.enabled true && infer channels-manager\n'

describe('infer version', () => {
  it('says the version, in three ways', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    for (const args of [['version'], ['--version'], ['-V']]) {
      expect(await place.run(args)).toEqual({ code: 0, stdout: `infer ${version}\n`, stderr: '' })
    }
    expect(await place.json(['version'])).toMatchObject({ version })
  })

  it('works where the configuration is broken', async () => {
    mkdirSync(join(place.cwd, '.infer'))
    writeFileSync(join(place.cwd, '.infer/config.yaml'), ': [')
    expect((await place.run(['version'])).code).toBe(0)
  })
})

describe('infer schedules create and list', () => {
  it('warn when no daemon was seen, with the key and the command', async () => {
    const created = await place.run(CREATE)
    expect(created.stderr).toBe(NO_DAEMON)
    expect(created.stdout).toMatch(/^Created job \S+\. Next fires:\n( {2}\d{4}-\d\d-\d\d 00:00:00 .+\n){3}$/)
    const listed = await place.run(['schedules', 'list', '--json'])
    expect(listed.stderr).toBe(NO_DAEMON)
    expect(JSON.parse(listed.stdout)).toHaveLength(1)
  })

  it('do not warn when a daemon with a scheduler is alive', async () => {
    await using stores = await openCliStores(place)
    const daemon = { id: 'd', host: 'h', pid: 1, version: '0', tzdata: 'x', timezone: 'UTC', behind: false }
    await stores.coordination.beat({ ...daemon, since: new Date(), clock: new Date(), scheduler: false })
    expect((await place.run(CREATE)).stderr).toBe(NO_DAEMON)
    await stores.coordination.beat({ ...daemon, since: new Date(), clock: new Date(), scheduler: true })
    expect((await place.run(CREATE)).stderr).toBe('')
    expect((await place.run(['schedules', 'list'])).stderr).toBe('')
  })

  it('do not warn without jobs', async () => {
    expect(await place.run(['schedules', 'list', '--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  })

  it('read the prompt from stdin with -, and refuse an empty one', async () => {
    const args = ['schedules', 'create', '--cron', '@daily', '--prompt', '-']
    const { stdout } = await place.run([...args, '--json'], { stdin: 'say hello\nand goodbye\n' })
    expect(JSON.parse(stdout)).toMatchObject({ prompt: 'say hello\nand goodbye', run_once: false, overlap: 'skip' })
    const empty = await place.run(args, { stdin: ' \n' })
    expect(empty.stderr).toContain('The prompt is empty.')
    expect(empty.code).toBe(2)
  })

  it('refuse storage that ends with the process', async () => {
    const { code, stderr } = await place.run(CREATE, { env: { INFER_STORAGE_TYPE: 'memory' } })
    expect(stderr).toContain('storage.type memory ends with this process')
    expect(code).toBe(2)
  })
})

describe('infer schedules preview', () => {
  it('opens no storage for an expression', async () => {
    const env = { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_PORT: '1' }
    const args = ['schedules', 'preview', '@every 90s', '--from', '2026-05-01T00:00:00Z', '--count', '1']
    expect((await place.run(args, { env })).code).toBe(0)
  })

  it('takes a job whose name has spaces', async () => {
    await place.run([...CREATE, '--name', 'say hello'])
    expect(await place.json(['schedules', 'preview', 'say hello'])).toMatchObject({ cron_expression: '@daily' })
  })

  it.each(['yesterday', '5', '2026-13-01'])('refuses --from %s', async (from) => {
    const { code, stderr } = await place.run(['schedules', 'preview', '@daily', '--from', from])
    expect(stderr).toContain(`--from "${from}" is no moment.`)
    expect(code).toBe(2)
  })
})

describe('infer init and infer config', () => {
  it('writes the files once, and keeps what exists', async () => {
    const first = (await place.json(['init'])) as { file: string; action: string }[]
    expect(first.every(({ action }) => action === 'written')).toBe(true)
    const config = join(place.cwd, '.infer/config.yaml')
    expect(first.map(({ file }) => file)).toContain(config)
    const set = await place.run(['config', 'set', 'agent.max_turns', '7'])
    expect(set).toEqual({ code: 0, stdout: `${config}\n`, stderr: '' })
    const second = (await place.json(['init'])) as { action: string }[]
    expect(second.every(({ action }) => action === 'kept')).toBe(true)
    expect((await place.run(['config', 'get', 'agent.max_turns'])).stdout).toBe('7\n')
    expect((await place.run(['config', 'path'])).stdout).toBe(`${config}\n`)
    expect(await place.json(['config', 'path'])).toEqual({ config_dir: join(place.cwd, '.infer'), files: [config] })
  })

  it('says when something else still decides', async () => {
    const env = { INFER_AGENT_MAX_TURNS: '9' }
    const { stderr } = await place.run(['config', 'set', 'agent.max_turns', '7'], { env })
    expect(stderr).toBe('infer: warning: INFER_AGENT_MAX_TURNS still decides agent.max_turns\n')
  })

  it('prints a section as YAML, and as JSON when asked', async () => {
    expect((await place.run(['config', 'get', 'storage.jsonl'])).stdout).toBe('path: .infer/conversations\n')
    expect(await place.json(['config', 'get', 'storage.jsonl'])).toEqual({ path: '.infer/conversations' })
  })
})

describe('.infer/.gitignore', () => {
  it.each([[['init']], [['agent', '--mode', 'plan', 'plan the next release']], [['agent', 'say hello']]])(
    'is there when %j was the first to write',
    async (args) => {
      await place.run(args, { env: { INFER_GATEWAY_MOCK: 'true' } })
      expect(readFileSync(join(place.cwd, '.infer/.gitignore'), 'utf8')).toBe(GITIGNORE)
    },
  )

  it('is not made by a command that only looks', async () => {
    await place.run(['plans', 'list'])
    expect(existsSync(join(place.cwd, '.infer'))).toBe(false)
  })
})

describe('warnings', () => {
  it('of the storage are one line, once', async () => {
    for (const directory of [place.home, place.cwd]) mkdirSync(join(directory, '.infer'))
    writeFileSync(join(place.home, '.infer/config.yaml'), 'storage: {type: sqlite}\n')
    writeFileSync(join(place.cwd, '.infer/conversations.db'), '')
    const { stderr, code } = await place.run(['agent', 'say hello'], { env: { INFER_GATEWAY_MOCK: 'true' } })
    expect(stderr).toMatch(/^infer: warning: the database [^\n]+ is not used: [^\n]+\n$/)
    expect(code).toBe(0)
  })

  it('name an unknown key with the nearest known one, and what is not yet trusted', async () => {
    mkdirSync(join(place.cwd, '.infer'))
    writeFileSync(join(place.cwd, '.infer/config.yaml'), 'storage: {typ: sqlite, type: jsonl}\n')
    const { stderr, stdout } = await place.run(['plans', 'list', '--json'])
    expect(stderr).toMatch(/unknown key storage\.typ; the nearest known key is storage\.type\n/)
    expect(stderr).toMatch(/infer: warning: not yet trusted, but in effect: .*config\.yaml \(storage\.type\)/)
    expect(stdout).toBe('[]\n')
  })
})
