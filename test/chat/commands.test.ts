import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChatSite, chatSite, say } from './chat-site.ts'

describe.each(['jsonl', 'postgres'] as const)('conversations in the chat on %s', (type) => {
  let site: ChatSite
  beforeEach(async () => {
    site = await chatSite(type)
  })
  afterEach(() => site[Symbol.asyncDispose]())

  it('are picked from a list that is searched, and gone on with', async () => {
    const first = await site.chat()
    say(first, 'hello from the first session')
    await first.shows('Good day.')
    say(first, '/new')
    await first.shows('new session')
    say(first, 'numbers of another')
    await first.shows('n15')
    const terminal = await site.chat()
    say(terminal, '/conversations')
    await terminal.shows(/Conversations .*2 of 2/)
    terminal.type('hello fir')
    expect(await terminal.shows(/1 of 2/)).toContain('› hello from the first session')
    terminal.press('Enter')
    await terminal.shows('Good day.')
    await terminal.shows('say something')
    say(terminal, 'hello again')
    await terminal.shows(/hello again\s+Good day\./)
    const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
    expect(conversations.map(({ messageCount }) => messageCount).sort()).toEqual([2, 4])
  })

  it('are gone on with by --session-id', async () => {
    const terminal = await site.chat({ args: ['--session-id', 'mine'] })
    say(terminal, 'hello')
    await terminal.shows('Good day.')
    say(terminal, '/quit')
    expect(await terminal.shows('[exit 0]')).toContain('infer chat --session-id mine')
    const next = await site.chat({ args: ['--session-id', 'mine'] })
    await next.shows('Good day.')
  })
})

describe('slash commands', () => {
  let site: ChatSite
  beforeEach(async () => {
    site = await chatSite()
  })
  afterEach(() => site[Symbol.asyncDispose]())

  it('explain themselves, and say what there is when one is unknown', async () => {
    const terminal = await site.chat({ lines: 60 })
    say(terminal, '/help')
    const screen = await terminal.shows('Leave the chat')
    for (const name of ['new', 'conversations', 'plans', 'schedules', 'model', 'export', 'compact', 'quit']) {
      expect(screen).toContain(`/${name} `)
    }
    say(terminal, '/nothing')
    await terminal.shows('There is no command /nothing')
  })

  it('/schedules lists the jobs, /model chooses, /export writes a file, /compact summarises', async () => {
    await site.place.run(['schedules', 'create', '--cron', '0 9 * * *', '--prompt', 'say hello', '--name', 'morning'])
    const terminal = await site.chat()
    say(terminal, '/schedules')
    expect(await terminal.shows('morning')).toContain('0 9 * * *, next ')
    terminal.press('Escape')
    await terminal.shows('say something')
    say(terminal, '/export')
    await terminal.shows('Nothing has been said yet')
    say(terminal, '/model other/model')
    await terminal.shows('Model: other/model')
    await terminal.shows(/^standard · other\/model/m)
    say(terminal, 'hello')
    await terminal.shows('Good day.')
    say(terminal, '/export')
    await terminal.shows('Written to ')
    const directory = join(site.place.cwd, '.infer/tmp')
    const [file = ''] = readdirSync(directory)
    expect(readFileSync(join(directory, file), 'utf8')).toContain('Good day.')
    say(terminal, '/compact')
    await terminal.shows('nothing yet that a summary would shorten')
  })

  it('can be shortcuts of the project, with arguments and the session', async () => {
    site.file(
      '.infer/shortcuts/own.yaml',
      'shortcuts:\n' +
        '  - { name: greet, description: Says it, command: echo, args: ["good", "morning all"], pass_session_id: true }\n',
    )
    const terminal = site.start()
    await terminal.shows('[y/N]')
    say(terminal, 'y')
    await terminal.shows('say something')
    terminal.type('/gr')
    expect(await terminal.shows('› /greet')).toContain('Says it')
    terminal.press('Tab')
    say(terminal, 'friends')
    expect(await terminal.shows('good morning all friends ')).toContain("! echo good 'morning all' friends ")
  })

  it.each([
    [
      'yaml',
      'bindings:\n  mode_cycle_agent_mode:\n    keys: [ctrl+g]\n  text_editing_history_up:\n    keys: nonsense\n',
    ],
    ['json', '{"bindings": {"mode_cycle_agent_mode": {"keys": ["ctrl+g"]}, "text_editing_history_up": {"keys": 1}}}'],
  ])('keys come from keybindings.%s; a wrong one is a warning', async (extension, text) => {
    mkdirSync(join(site.place.home, '.infer'), { recursive: true })
    writeFileSync(join(site.place.home, `.infer/keybindings.${extension}`), text)
    const terminal = await site.chat()
    expect(terminal.screen()).toMatch(/infer: warning: .*keybindings/)
    terminal.press('C-g')
    await terminal.shows(/^plan · /m)
    terminal.press('BTab')
    terminal.press('C-g')
    await terminal.shows(/^auto-accept · /m)
    expect(existsSync(join(site.place.cwd, '.infer/keybindings.yaml'))).toBe(false)
  })
})
