import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliPlace, cliEnvironment, cliPlace, ensureBundle, INFER } from '../support/cli.ts'
import { openCliStores } from '../support/cli-samples.ts'
import { Terminal } from '../support/tmux.ts'

const BODY = `## Goal

Ship it **today**, and keep \`infer\` small.

1. Write the test.
2. Make it green.

| step | who |
|------|-----|
| test | me  |
`

let place: CliPlace
beforeEach(async () => {
  place = cliPlace()
  await ensureBundle()
})
afterEach(() => place[Symbol.dispose]())

function infer(args: readonly string[], env: NodeJS.ProcessEnv = {}): Terminal {
  const command = [process.execPath, INFER, ...args]
  return new Terminal(command, { cwd: place.cwd, env: cliEnvironment(place.home, env) })
}

async function savePlan(title: string, body: string): Promise<string> {
  await using stores = await openCliStores(place)
  return (await stores.plans.save({ title, body })).id
}

describe('plans show on a terminal', () => {
  it.each([
    ['', {}],
    [', also where CI is set', { CI: 'true' }],
  ])('renders the markdown within 80 columns%s', async (_, env) => {
    const id = await savePlan('Ship it', BODY)
    using terminal = infer(['plans', 'show', id], env)
    const screen = await terminal.shows('[exit 0]')
    expect(screen).toContain('Ship it today, and keep infer small.')
    expect(screen).toContain('1. Write the test.')
    expect(screen).toMatch(/│ test +│ me +│/)
    expect(screen).not.toMatch(/\*\*|\|---|`/)
    for (const line of screen.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(terminal.screen(true)).toMatch(/\x1b\[[0-9;]*m/)
  })

  it.each([
    ['--no-color', ['--no-color'], {}],
    ['--no-colors', ['--no-colors'], {}],
    ['NO_COLOR', [], { NO_COLOR: '1' }],
  ])('has no styling with %s', async (_, flags, env) => {
    const id = await savePlan('Ship it', BODY)
    using terminal = infer(['plans', 'show', id, ...flags], env)
    expect(await terminal.shows('[exit 0]')).toContain('Ship it today')
    expect(terminal.screen(true)).not.toContain('\x1b[')
  })

  it('is as it is with --raw', async () => {
    const id = await savePlan('Ship it', BODY)
    using terminal = infer(['plans', 'show', id, '--raw'])
    expect(await terminal.shows('[exit 0]')).toContain(`# Ship it\n\n${BODY.trimEnd()}`)
  })

  it('shows control characters instead of obeying them', async () => {
    const id = await savePlan('Quiet \x1b[31mred', 'before \x1b[2J\x07 after \u202e end')
    using terminal = infer(['plans', 'show', id])
    const screen = await terminal.shows('[exit 0]')
    expect(screen).toContain('before \\x1b[2J\\x07 after \\u202e end')
    expect(screen).toContain('\\x1b[31mred')
  })
})

describe('plans show in a pipe', () => {
  it.each([BODY, 'no newline at the end', 'tab\tand \x1b[31m escapes\r\n', ''])(
    'is the plan to the byte: %j',
    async (body) => {
      const id = await savePlan('Ship it', body)
      expect((await place.run(['plans', 'show', id])).stdout).toBe(`# Ship it\n\n${body}`)
    },
  )
})

describe('schedules on a terminal of 80 columns', () => {
  it('list names the zone of the expression, and runs say when they were', async () => {
    const cron = 'CRON_TZ=Asia/Tokyo 0 9 1 1 *'
    const created = ['schedules', 'create', '--cron', cron, '--timezone', 'UTC', '--prompt', 'say hello', '--name', 'j']
    await place.run(created)
    await place.run(['schedules', 'run', 'j'], { env: { INFER_GATEWAY_MOCK: 'true' } })
    expect((await place.run(['schedules', 'list'])).stdout).toMatch(/in \d+ \S+ \(Asia\/Tokyo\)/)
    using runs = infer(['schedules', 'runs'])
    expect(await runs.shows('[exit 0]')).toMatch(/^(now|\d+ \w+ ago) +j +succeeded +manual/m)
  })
})

describe('/schedules in the chat', () => {
  it('tells a job that never fires from one that is paused', async () => {
    const directory = join(place.home, '.infer/schedules')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'minute.yaml'), 'cron_expression: 60 * * * *\nprompt: x\n')
    writeFileSync(join(directory, 'silent.yaml'), 'cron_expression: "@daily"\nprompt: x\nenabled: false\n')
    using chat = infer(['chat'], { INFER_GATEWAY_MOCK: 'true' })
    await chat.shows('say something')
    chat.type('/schedules')
    chat.press('Enter')
    expect(await chat.shows('@daily, paused')).toContain('60 * * * *, never fires')
  })
})

describe('delete', () => {
  it('asks on a terminal, and deletes for yes only', async () => {
    const id = await savePlan('Ship it', BODY)
    for (const [answer, said, code] of [
      ['', 'Nothing was deleted.', 1],
      ['no', 'Nothing was deleted.', 1],
      ['y', `Deleted ${id}.`, 0],
    ] as const) {
      using terminal = infer(['plans', 'delete', id.slice(0, -2)])
      await terminal.shows(`Delete ${id}? [y/N]`)
      terminal.type(answer)
      terminal.press('Enter')
      expect(await terminal.shows(`[exit ${code}]`)).toContain(said)
    }
    expect((await place.run(['plans', 'show', id])).code).toBe(3)
  })

  it.each([
    ['C-d', 1],
    ['C-c', 130],
  ])('deletes nothing at %s', async (key, code) => {
    const id = await savePlan('Ship it', BODY)
    using terminal = infer(['plans', 'delete', id])
    await terminal.shows('[y/N]')
    terminal.press(key)
    await terminal.shows(`[exit ${code}]`)
    expect((await place.run(['plans', 'show', id])).code).toBe(0)
  })

  it('does not ask with -y, nor in a pipe', async () => {
    const [one, two] = [await savePlan('One', BODY), await savePlan('Two', BODY)]
    using terminal = infer(['plans', 'delete', '-y', one])
    expect(await terminal.shows('[exit 0]')).not.toContain('[y/N]')
    expect(await place.run(['plans', 'delete', two])).toEqual({ code: 0, stdout: `Deleted ${two}.\n`, stderr: '' })
  })
})

describe('stored text on a terminal', () => {
  it('has its control characters escaped in lists, jobs, history and questions', async () => {
    const evil = 'x\x1b[2J\u009b1mname'
    await place.run(['schedules', 'create', '--cron', '@daily', '--prompt', evil, '--name', evil])
    await using stores = await openCliStores(place)
    await stores.shellHistory.append(evil)
    for (const args of [
      ['schedules', 'list'],
      ['schedules', 'show', evil],
      ['history', 'list'],
      ['schedules', 'delete', evil],
    ]) {
      using terminal = infer(args)
      const screen = await terminal.shows(/\[exit 0\]|\[y\/N\]/)
      expect(screen, args.join(' ')).toContain('x\\x1b[2J\\x9b1mname')
    }
    expect((await place.run(['history', 'list'])).stdout).toBe(`${evil}\n`)
  })
})

describe('help', () => {
  it('opens with init, chat and agent, and fits 80 columns', async () => {
    using terminal = infer([])
    const screen = await terminal.shows('[exit 0]')
    expect(screen).toMatch(/Begin with\n {2}init .*\n {2}chat .*\n {2}agent /)
    expect(screen.split('\n').length).toBeLessThanOrEqual(24)
    const [, ...rows] = (await place.run([])).stdout.split('\n')
    for (const row of rows) expect(row.length, row).toBeLessThanOrEqual(80)
  })

  it('names a command by its words, and a topic by its commands', async () => {
    const command = await place.run(['help', 'schedules', 'create'])
    expect(command.stdout).toContain('$ infer schedules create --cron <value>')
    expect(command.stdout).not.toContain('schedules:create')
    expect(command.stdout).not.toContain('\x1b[')
    expect((await place.run(['schedules', 'create', '-h'])).stdout).toBe(command.stdout)
    const topic = await place.run(['plans'])
    expect(topic.stdout).toMatch(/plans list .*\n {2}plans show .*\n {2}plans delete /)
    expect(topic.code).toBe(0)
  })

  it('has a page for every command', async () => {
    const { COMMANDS } = await import('#commands/index.ts')
    for (const id of Object.keys(COMMANDS)) {
      const { code, stdout } = await place.run(['help', ...id.split(' ')])
      expect(stdout, id).toContain(`$ infer ${id}`)
      expect(stdout, id).toContain('EXAMPLES')
      expect(code, id).toBe(0)
    }
  })
})
