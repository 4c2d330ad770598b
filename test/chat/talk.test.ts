import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChatSite, chatSite, say } from './chat-site.ts'

let site: ChatSite
beforeEach(async () => {
  site = await chatSite()
})
afterEach(() => site[Symbol.asyncDispose]())

const ESCAPE = '\u001b['

describe('infer chat in a terminal', () => {
  it('renders markdown and highlights code, and says where it stands', async () => {
    const terminal = await site.chat()
    say(terminal, 'markdown')
    const screen = await terminal.shows('The end.')
    expect(screen).toMatch(/^> markdown$/m)
    expect(screen).toContain('Some bold words.')
    expect(screen).toMatch(/^ +\* one$/m)
    expect(await terminal.shows('15 tokens')).toMatch(
      /^standard · mock\/model · 15 tokens · 100% context left · jsonl$/m,
    )
    const line = terminal
      .screen(true)
      .split('\n')
      .find((row) => row.includes('42'))
    expect(line?.split(ESCAPE).length).toBeGreaterThan(4)
  })

  it.each([
    ['NO_COLOR', { env: { NO_COLOR: '1' } }],
    ['--no-color', { args: ['--no-color'] }],
    ['chat.theme none', { env: { INFER_CHAT_THEME: 'none' } }],
  ])('with %s there is no colour', async (_, options) => {
    const terminal = await site.chat(options)
    say(terminal, 'markdown')
    await terminal.shows('The end.')
    expect(terminal.screen(true)).not.toMatch(/\u001b\[(3[0-8]|9[0-7])/)
  })

  it('works the same where CI is set', async () => {
    const terminal = await site.chat({ env: { CI: 'true', GITHUB_ACTIONS: 'true' } })
    say(terminal, 'hello')
    await terminal.shows('Good day.')
  })

  it('fits into 40x12, wide characters included', async () => {
    const terminal = await site.chat({ columns: 40, lines: 12 })
    say(terminal, '日本')
    const screen = await terminal.shows('漢字かな混じり文')
    expect(screen).toMatch(/^> 日本$/m)
    site.file('a.txt', 'one\ntwo\nthree\n')
    say(terminal, 'edit')
    expect(await terminal.shows('y allow')).toContain('-two')
    terminal.press('y')
    await terminal.shows('Edit is over.')
    terminal.type('x'.repeat(60))
    expect(await terminal.shows(/^> x{37}\n {2}x{23}/m)).toMatch(/standard · mock\/model/)
  })

  it('leaves nothing garbled when the terminal is resized in the middle of a stream', async () => {
    const terminal = await site.chat()
    say(terminal, 'slow')
    // Wider than the terminal will be: it breaks the row that streams in, of which nobody is told.
    await terminal.shows('lambda')
    terminal.resize(50, 16)
    await terminal.shows('omicron')
    terminal.resize(100, 30)
    await terminal.shows('upsilon')
    terminal.resize(60, 20)
    const screen = await terminal.shows(/Stop of it\.[\s\S]*tokens/)
    await terminal.shows(/Stop of it\.\n\n> say something/)
    for (const once of ['> slow', 'Begin of it.', 'alpha beta', 'Stop of it.', 'say something', 'standard ·']) {
      expect(terminal.screen().split(once), `${once} in ${screen}`).toHaveLength(2)
    }
  })

  it('keeps what has scrolled out', async () => {
    const terminal = await site.chat()
    say(terminal, 'numbers')
    await terminal.shows('n15')
    for (const n of [1, 2, 14]) expect(terminal.scrollback().split(`\nn${n}\n`), `n${n}`).toHaveLength(2)
  })
})

describe('tools in the chat', () => {
  it('shows the diff of an edit before it happens, and asks', async () => {
    site.file('a.txt', 'one\ntwo\nthree\n')
    const terminal = await site.chat()
    say(terminal, 'edit')
    const screen = await terminal.shows('Allow Edit?')
    for (const line of ['@@ -1,3 +1,3 @@', '-two', '+zwei', 'y allow']) expect(screen).toContain(line)
    expect(readFileSync(join(site.place.cwd, 'a.txt'), 'utf8')).toContain('two')
    terminal.press('y')
    expect(await terminal.shows('Edit is over.')).toContain('✓ Edit(file_path=a.txt')
    expect(readFileSync(join(site.place.cwd, 'a.txt'), 'utf8')).toContain('zwei')
  })

  it('breaks what is asked about into rows, so that a narrow terminal hides nothing', async () => {
    const command = `echo ${Array.from({ length: 12 }, (_, n) => `word${n}`).join(' ')} > out.txt; touch last.txt`
    const question = `Which of them, ${'all of this is still the question, '.repeat(3)}do you mean?`
    const options = Array.from({ length: 4 }, (_, n) => ({ label: `Choice ${n + 1}` }))
    const scenarios = [
      {
        name: 'long',
        match: '^long',
        turns: [{ tool_calls: [{ name: 'Bash', args: { command } }] }, { content: 'Ran.' }],
      },
      {
        name: 'ask',
        match: '^ask',
        turns: [{ tool_calls: [{ name: 'AskUserQuestion', args: { questions: [{ question, options }] } }] }],
      },
    ]
    await using narrow = await chatSite('jsonl', JSON.stringify({ scenarios }))
    const terminal = await narrow.chat({ columns: 40, lines: 16 })
    say(terminal, 'long')
    await terminal.shows('Allow Bash?')
    expect(terminal.screen()).toContain('esc interrupt')
    terminal.press('NPage')
    terminal.press('NPage')
    await terminal.shows('last.txt')
    terminal.press('n')
    await terminal.shows('Ran.')
    say(terminal, 'ask')
    await terminal.shows('The agent asks')
    expect(terminal.screen()).toContain('Which of them')
    for (let n = 0; n < 4; n += 1) terminal.press('NPage')
    await terminal.shows('4. Choice 4')
    terminal.press('4')
    await terminal.shows('Done.')
  })

  it('refuses, and tells the model why', async () => {
    const terminal = await site.chat()
    say(terminal, 'bash')
    expect(await terminal.shows('Allow Bash?')).toContain('touch made.txt')
    terminal.press('r')
    await terminal.shows('what should be different')
    say(terminal, 'not today')
    expect(await terminal.shows('Bash is over.')).toContain('refused: not today')
  })

  it('folds a long result, and unfolds it with ctrl+o', async () => {
    site.file('long.txt', Array.from({ length: 12 }, (_, n) => `row ${n + 1}`).join('\n'))
    const terminal = await site.chat()
    say(terminal, 'read')
    const folded = await terminal.shows('Reading is over.')
    expect(folded).toContain('✓ Read(file_path=long.txt)')
    expect(folded).toContain('… 8 more lines')
    expect(folded).not.toContain('row 12')
    terminal.press('C-o')
    expect(await terminal.shows('row 12')).not.toContain('more lines')
    terminal.press('C-o')
    await terminal.shows('… 8 more lines')
  })

  it('runs without asking in auto-accept, which shift+tab chooses', async () => {
    const terminal = await site.chat()
    terminal.press('BTab')
    await terminal.shows(/^plan · /m)
    terminal.press('BTab')
    await terminal.shows(/^auto-accept · /m)
    say(terminal, 'bash')
    expect(await terminal.shows('Bash is over.')).toContain('✓ Bash(command=touch made.txt)')
    terminal.press('BTab')
    await terminal.shows(/^standard · /m)
  })

  it('puts the questions of AskUserQuestion one after the other', async () => {
    const terminal = await site.chat()
    say(terminal, 'ask')
    expect(await terminal.shows('Which database?')).toContain('1. PostgreSQL: a server')
    terminal.press('2')
    await terminal.shows('Which parts?')
    say(terminal, '1,3')
    await terminal.shows('What name?')
    say(terminal, 'no name')
    const screen = await terminal.shows('Asking is over.')
    expect(screen).toContain('Which database? SQLite')
    expect(screen).toContain('Which parts? Front, Back')
    expect(screen).toContain('What name? no name')
  })
})
