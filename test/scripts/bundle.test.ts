import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BundledFile, bundle } from '../../scripts/bundle.ts'
import { cliEnvironment } from '../support/cli.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Prints the files of the bundle that were loaded, the packages from outside, and the modules of Node. */
const LISTING = `process.on('exit', () => {
  const loaded = Object.keys(require.cache).filter((file) => !file.endsWith('listing.cjs'))
  const builtin = process.moduleLoadList.map((module) => module.replace('NativeModule ', 'node:'))
  process.stderr.write('LOADED ' + JSON.stringify([...loaded, ...builtin]) + '\\n')
})
`

let directory: string
let files: BundledFile[]

beforeAll(async () => {
  directory = mkdtempSync(join(process.env.INFER_TEST_DIR ?? tmpdir(), 'bundle-'))
  for (const name of ['package.json', 'bin']) cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  for (const name of ['home', 'work']) mkdirSync(join(directory, name))
  writeFileSync(join(directory, 'listing.cjs'), LISTING)
  files = await bundle(join(directory, 'dist'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const command = ['--require', join(directory, 'listing.cjs'), join(directory, 'bin/run.cjs'), ...args]
  const { stdout, stderr, status } = spawnSync(process.execPath, command, {
    cwd: join(directory, 'work'),
    env: cliEnvironment(join(directory, 'home'), env),
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  const [, list = '[]'] = /^LOADED (.*)$/m.exec(stderr) ?? []
  return { stdout, loaded: JSON.parse(list) as string[] }
}

/** Everything in the files that were loaded and in what they load at once, as paths below the project. */
function reached(loaded: readonly string[]): string[] {
  const found = new Set<string>()
  const queue = loaded
    .map((file) => files.find(({ name }) => basename(name) === basename(file)))
    .filter((file) => !!file)
  const seen = new Set(queue)
  for (const file of queue) {
    for (const module of file.modules) found.add(relative(ROOT, module))
    for (const name of file.imports) {
      const imported = files.find((one) => one.name === name)
      if (imported === undefined) found.add(`node_modules/${name}/`)
      else if (!seen.has(imported)) {
        seen.add(imported)
        queue.push(imported)
      }
    }
  }
  return [...found]
}

const inPackage = (name: string) => (path: string) => path.startsWith(`node_modules/${name}/`)

describe('the bundle', () => {
  it('loads only what plans show needs', () => {
    run(['init'])
    run(['agent', '--mode', 'plan', 'plan the next release'], { INFER_GATEWAY_MOCK: 'true' })
    const [plan] = JSON.parse(run(['plans', 'list', '--json']).stdout) as { id: string }[]
    const { stdout, loaded } = run(['plans', 'show', plan?.id ?? ''])
    expect(stdout).toMatch(/^# the next release\n\n## Goal\n/)
    const modules = reached(loaded)
    expect(modules).toContain('src/commands/plans/show.ts')
    expect(modules).toContain('src/storage/jsonl/open.ts')
    const absent = [
      'pg',
      'ioredis',
      'openai',
      'ink',
      'react',
      'marked-terminal',
      'marked',
      'better-sqlite3',
      'chokidar',
    ]
    for (const name of [...absent, 'yaml', 'croner']) expect(modules.filter(inPackage(name)), name).toEqual([])
    expect(modules.filter((path) => path.includes('zod/v4/classic') || path.includes('zod/v3'))).toEqual([])
    const folders = ['agent', 'gateway', 'scheduler', 'daemon', 'storage/sql', 'storage/redis', 'storage/memory']
    for (const folder of folders)
      expect(
        modules.filter((path) => path.startsWith(`src/${folder}`)),
        folder,
      ).toEqual([])
  })

  it('asks a gateway without TLS by loading neither it nor the fetch of Node, and no tool that is not called', () => {
    const { stdout, loaded } = run(['agent', 'say hello'], { INFER_GATEWAY_MOCK: 'true', TZ: 'UTC' })
    expect(stdout).toContain('Hello! How can I help?')
    expect(loaded).toContain('node:http')
    expect(loaded.filter((name) => /undici|^node:(tls|https|http2|zlib)$/.test(name))).toEqual([])
    const modules = reached(loaded)
    expect(modules).toContain('src/agent/tools/web-fetch.ts')
    for (const name of [
      'html-to-text',
      'diff',
      'yaml',
      'pg',
      'ioredis',
      'ink',
      'react',
      'grammy',
      'marked',
      'chokidar',
    ])
      expect(modules.filter(inPackage(name)), name).toEqual([])
  })

  it('opens no storage and reads no settings for the version', () => {
    const modules = reached(run(['version']).loaded)
    expect(modules).toContain('src/commands/version.ts')
    expect(modules.filter((path) => /^src\/(storage|config)\//.test(path))).toEqual([])
  })

  it('holds a chunk for each backend, apart from the others', () => {
    for (const [backend, own] of [
      ['sqlite', 'better-sqlite3'],
      ['postgres', 'pg'],
      ['redis', 'ioredis'],
    ]) {
      const open = files.find(({ modules }) => modules.includes(join(ROOT, `src/storage/${backend}/open.ts`)))
      const modules = reached([open?.name ?? ''])
      const others = ['better-sqlite3', 'pg', 'ioredis'].filter((name) => modules.some(inPackage(name)))
      expect(others, backend).toEqual([own])
    }
  })

  it('keeps grammy out of a daemon without a bot, and Ink out of the agent', () => {
    for (const [module, absent] of [
      ['src/daemon/channels.ts', 'grammy'],
      ['src/commands/agent.ts', 'ink'],
      ['src/commands/chat.ts', 'grammy'],
    ] as const) {
      const chunk = files.find(({ modules }) => modules.includes(join(ROOT, module)))
      expect(chunk, module).toBeDefined()
      expect(reached([chunk?.name ?? '']).filter(inPackage(absent)), module).toEqual([])
    }
  })
})
