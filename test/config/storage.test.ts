import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadSettings } from '#config/load.ts'
import { configDirOf, homeOf, resolvePath } from '#config/paths.ts'
import { storageOptions } from '#config/storage.ts'
import { temporaryPlace } from './temporary-place.ts'

async function optionsOf(place: ReturnType<typeof temporaryPlace>) {
  const { settings, configDir } = await loadSettings(place)
  const warnings: string[] = []
  const { warn: _, ...options } = storageOptions(settings, { ...place, configDir, warn: (text) => warnings.push(text) })
  return { options, warnings }
}

describe('configDir', () => {
  it('is the project’s if it has a config.yaml, else the user’s if that has one, else the project’s', () => {
    const place = temporaryPlace()
    expect(configDirOf(place)).toBe(join(place.cwd, '.infer'))
    place.write('user/config.yaml', '')
    expect(configDirOf(place)).toBe(join(place.home, '.infer'))
    place.write('project/channels.yaml', '')
    expect(configDirOf(place)).toBe(join(place.home, '.infer'))
    place.write('project/config.yaml', '')
    expect(configDirOf(place)).toBe(join(place.cwd, '.infer'))
  })

  it('takes $HOME for home', () => {
    expect(homeOf({ HOME: '/somewhere' })).toBe('/somewhere')
    expect(homeOf({ HOME: '' })).toMatch(/^\//)
    expect(resolvePath('~/x', { base: '/b', home: '/h' })).toBe('/h/x')
    expect(resolvePath('~', { base: '/b', home: '/h' })).toBe('/h')
    expect(resolvePath('x/../y', { base: '/b', home: '/h' })).toBe('/b/y')
    expect(resolvePath('/x', { base: '/b', home: '/h' })).toBe('/x')
  })
})

describe('storage options', () => {
  it('jsonl: the historical places', async () => {
    const place = temporaryPlace({ 'user/config.yaml': '' })
    const { cwd, home } = place
    expect((await optionsOf(place)).options).toEqual({
      type: 'jsonl',
      conversationsDir: join(cwd, '.infer/conversations'),
      sessionGroupsFile: join(cwd, '.infer/session_groups.json'),
      plansDir: join(home, '.infer/plans'),
      historyFile: join(cwd, '.infer/history'),
      schedulesDir: join(home, '.infer/schedules'),
      runsDir: join(home, '.infer/runs'),
    })
  })

  it('jsonl: configured places', async () => {
    const yaml = 'storage: {jsonl: {path: ~/data/c}}\ntools: {schedule: {storage_dir: jobs/s}}\n'
    const place = temporaryPlace({ 'project/config.yaml': yaml })
    const { cwd, home } = place
    expect((await optionsOf(place)).options).toMatchObject({
      conversationsDir: join(home, 'data/c'),
      sessionGroupsFile: join(home, 'data/session_groups.json'),
      plansDir: join(cwd, '.infer/plans'),
      schedulesDir: join(cwd, 'jobs/s'),
      runsDir: join(cwd, 'jobs/runs'),
    })
  })

  it('sqlite: relative to the parent of configDir, with a warning when one lies in the working directory', async () => {
    const place = temporaryPlace({ 'user/config.yaml': 'storage: {type: sqlite}\n' })
    const file = join(place.home, '.infer/conversations.db')
    expect(await optionsOf(place)).toEqual({ options: { type: 'sqlite', path: file }, warnings: [] })
    place.write('project/conversations.db', '')
    const { options, warnings } = await optionsOf(place)
    expect(options).toEqual({ type: 'sqlite', path: file })
    expect(warnings).toEqual([expect.stringContaining(join(place.cwd, '.infer/conversations.db'))])
    expect(warnings[0]).toContain(file)
  })

  it('sqlite: an absolute path, and a project of its own, need no warning', async () => {
    const place = temporaryPlace({ 'project/config.yaml': 'storage: {type: sqlite, sqlite: {path: x.db}}\n' })
    writeFileSync(join(place.cwd, 'x.db'), '')
    expect(await optionsOf(place)).toEqual({ options: { type: 'sqlite', path: join(place.cwd, 'x.db') }, warnings: [] })
    place.write('project/config.yaml', 'storage: {type: sqlite, sqlite: {path: /data/x.db}}\n')
    expect((await optionsOf(place)).options).toEqual({ type: 'sqlite', path: '/data/x.db' })
  })

  it('postgres and redis: as configured', async () => {
    const postgres = {
      INFER_STORAGE_TYPE: 'postgres',
      INFER_STORAGE_POSTGRES_HOST: 'db',
      INFER_STORAGE_POSTGRES_PASSWORD: 'p',
    }
    expect((await optionsOf(temporaryPlace({}, postgres))).options).toEqual({
      type: 'postgres',
      url: '',
      host: 'db',
      port: 5432,
      database: 'infer_conversations',
      username: '',
      password: 'p',
      sslMode: 'prefer',
    })
    const redis = { INFER_STORAGE_TYPE: 'redis', INFER_STORAGE_REDIS_URL: 'rediss://h', INFER_STORAGE_REDIS_DB: '3' }
    expect((await optionsOf(temporaryPlace({}, redis))).options).toEqual({
      type: 'redis',
      url: 'rediss://h',
      host: 'localhost',
      port: 6379,
      username: '',
      password: '',
      db: 3,
      tls: false,
    })
  })

  it('memory: when chosen, or when storage is off', async () => {
    expect((await optionsOf(temporaryPlace({}, { INFER_STORAGE_TYPE: 'memory' }))).options).toEqual({ type: 'memory' })
    const off = { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_ENABLED: 'false' }
    expect((await optionsOf(temporaryPlace({}, off))).options).toEqual({ type: 'memory' })
  })
})
