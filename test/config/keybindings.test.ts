import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadKeybindings } from '#config/keybindings.ts'
import { loadShortcuts } from '#config/shortcuts.ts'

let root: string
const place = () => ({ cwd: join(root, 'work'), home: join(root, 'home') })
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'keys-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const GO = 'test/fixtures/go-cli/seed/config'

describe('keybindings', () => {
  it('are none without a file', async () => {
    expect(await loadKeybindings(place())).toEqual({ bindings: {}, warnings: [] })
  })

  it('of the project stand over those of the user, an action that is off has no keys', async () => {
    write('home/.infer/keybindings.yaml', 'bindings:\n  a: { keys: [ctrl+a] }\n  b: { keys: ["y"] }\n')
    write('work/.infer/keybindings.json', '{"bindings": {"a": {"keys": ["ctrl+x"]}, "c": {"enabled": false}}}')
    const { bindings, warnings } = await loadKeybindings(place())
    expect(bindings).toEqual({ a: ['ctrl+x'], b: ['y'], c: [] })
    expect(warnings).toEqual([])
  })

  it('that are switched off as a whole are none', async () => {
    write('home/.infer/keybindings.yaml', 'enabled: false\nbindings:\n  a: { keys: [x] }\n')
    expect((await loadKeybindings(place())).bindings).toEqual({})
  })

  it('that are wrong are said with their place, and the others hold', async () => {
    write('home/.infer/keybindings.yaml', 'bindings:\n  a: { keys: 7 }\n  b: { keys: [x] }\n')
    const { bindings, warnings } = await loadKeybindings(place())
    expect(bindings).toEqual({ b: ['x'] })
    expect(warnings).toEqual([
      `${root}/home/.infer/keybindings.yaml:2:6: keys must be a list of keys, such as [ctrl+r]`,
    ])
    write('home/.infer/keybindings.yaml', 'bindings: [\n')
    expect((await loadKeybindings(place())).warnings).toHaveLength(1)
  })

  it('of the Go CLI are read', async () => {
    const { bindings, warnings } = await loadKeybindings({ cwd: root, home: root })
    expect([bindings, warnings]).toEqual([{}, []])
    const { cpSync } = await import('node:fs')
    cpSync(join(GO, 'keybindings.yaml'), join(root, '.infer/keybindings.yaml'), { recursive: true })
    const read = await loadKeybindings({ cwd: root, home: root })
    expect(read.bindings.mode_cycle_agent_mode).toEqual(['shift+tab'])
    expect(read.warnings).toEqual([])
  })
})

describe('shortcuts', () => {
  it('of the project stand over those of the user', async () => {
    write('home/.infer/shortcuts/a.yaml', 'shortcuts:\n  - { name: st, command: git, args: [status] }\n')
    write(
      'work/.infer/shortcuts/b.yml',
      'shortcuts:\n  - { name: st, command: git, args: [diff], pass_session_id: true }\n',
    )
    const { shortcuts, warnings } = await loadShortcuts(place())
    expect(shortcuts).toEqual([{ name: 'st', description: '', command: 'git', args: ['diff'], passSessionId: true }])
    expect(warnings).toEqual([])
  })

  it('that are wrong are said with their place; those that call a tool of the Go CLI are left out', async () => {
    write(
      'home/.infer/shortcuts/a.yaml',
      'shortcuts:\n  - { name: "a b", command: x }\n  - { name: t, tool: ListShells }\n',
    )
    write('home/.infer/shortcuts/b.yaml', 'shortcuts:\n  st: { command: git }\n')
    const { shortcuts, warnings } = await loadShortcuts(place())
    expect(shortcuts).toEqual([])
    expect(warnings).toEqual([
      `${root}/home/.infer/shortcuts/a.yaml:2:5: a shortcut needs a name without blanks and a command`,
      `${root}/home/.infer/shortcuts/b.yaml:2:3: shortcuts must be a list`,
    ])
  })
})
