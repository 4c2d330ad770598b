import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { channelsSchema, loadChannels } from '#config/channels.ts'
import { loadSettings } from '#config/load.ts'
import { loadPrompts, promptsSchema } from '#config/prompts.ts'
import { settingsSchema } from '#config/schema.ts'
import { seedFiles } from '#config/seed.ts'
import { complete, leavesOf, type Section, toFileKeys } from '#config/tree.ts'
import { ensureDirectory } from '#infer-dir.ts'
import { temporaryPlace } from './temporary-place.ts'

const uncommented = (text: string) =>
  text.replace(/^# /gm, '').replace(/^[A-Z].*$|^leading .*$|^and env.*$|^\$\{.*$/gm, '')

describe('seeded files', () => {
  it('change nothing: they load without a warning, give the defaults and need no trust', async () => {
    const place = temporaryPlace()
    const bare = await loadSettings(place)
    const seeded = await seedFiles(place)
    expect(seeded.every(({ action }) => action === 'written')).toBe(true)
    const loaded = await loadSettings(place)
    expect(loaded.settings).toEqual(bare.settings)
    expect([
      ...loaded.warnings,
      ...(await loadChannels(place)).warnings,
      ...(await loadPrompts(place)).warnings,
    ]).toEqual([])
    expect(loaded.trust.untrusted).toEqual([])
    expect(loaded.substitutedVariables.size).toBe(0)
    expect(loaded.configDir).toBe(join(place.cwd, '.infer'))
  })

  it.each<[string, Section]>([
    ['config.yaml', settingsSchema],
    ['channels.yaml', channelsSchema],
    ['prompts.yaml', promptsSchema],
  ])('%s shows every default, so that removing the comment signs gives them', async (name, schema) => {
    const place = temporaryPlace()
    await seedFiles(place)
    const text = place.read(`project/${name}`)
    expect(parse(uncommented(text))).toEqual(toFileKeys(schema, complete(schema, undefined)))
    const explained = [...text.matchAll(/^# +# [A-Za-z]/gm)].length
    expect(explained).toBeGreaterThanOrEqual([...leavesOf(schema)].length - 1)
  })

  it('are kept when they exist, unless overwritten', async () => {
    const place = temporaryPlace({ 'project/config.yaml': 'agent: {model: mine}\n' })
    const actions = async (overwrite: boolean) =>
      Object.fromEntries((await seedFiles({ ...place, overwrite })).map(({ file, action }) => [file, action]))
    expect((await actions(false))[place.pathOf('project/config.yaml')]).toBe('kept')
    expect(place.read('project/config.yaml')).toBe('agent: {model: mine}\n')
    expect((await actions(true))[place.pathOf('project/config.yaml')]).toBe('written')
    expect(place.read('project/config.yaml')).not.toContain('mine')
  })

  it('go to the home with userspace, as files for the user alone', async () => {
    const place = temporaryPlace()
    const seeded = await seedFiles({ ...place, userspace: true })
    expect(seeded.map(({ file }) => file)).toContain(place.pathOf('user/config.yaml'))
    expect(existsSync(join(place.cwd, '.infer'))).toBe(false)
    for (const { file } of seeded) expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(place.home, '.infer')).mode & 0o777).toBe(0o700)
  })

  it('do not vouch for shortcuts that were there before', async () => {
    const place = temporaryPlace({ 'project/shortcuts/theirs.yaml': 'shortcuts: []\n' })
    await seedFiles(place)
    const { trust } = await loadSettings(place)
    expect(trust.untrusted.map(({ keys }) => keys)).toEqual([['theirs.yaml']])
  })
})

describe('.gitignore', () => {
  it('is written by whoever creates the directory, and lets git see what people edit', () => {
    const { cwd } = temporaryPlace()
    const directory = join(cwd, '.infer')
    expect(ensureDirectory(directory)).toBe(true)
    const edited = [
      'config.yaml',
      'prompts.yaml',
      'channels.yaml',
      'agents.yaml',
      'keybindings.yaml',
      'keybindings.json',
    ]
    const seen = [...edited, 'shortcuts/a.yaml', '.gitignore']
    const ignored = [
      'history',
      'conversations/a.jsonl',
      'conversations.db',
      'plans/p.md',
      'shortcuts/x.db',
      'plans/config.yaml.bak',
    ]
    for (const name of [...seen, ...ignored]) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      if (name !== '.gitignore') writeFileSync(join(directory, name), '')
    }
    execFileSync('git', ['init', '-q'], { cwd })
    const listed = execFileSync('git', ['ls-files', '--others', '--exclude-standard', '.infer'], {
      cwd,
      encoding: 'utf8',
    })
    expect(listed.trim().split('\n').sort()).toEqual(seen.map((name) => `.infer/${name}`).sort())
  })

  it('is not forced on a directory that exists', () => {
    const { cwd } = temporaryPlace({ 'project/config.yaml': '' })
    expect(ensureDirectory(join(cwd, '.infer'))).toBe(false)
    expect(existsSync(join(cwd, '.infer', '.gitignore'))).toBe(false)
  })
})
