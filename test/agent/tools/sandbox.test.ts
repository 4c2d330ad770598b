import { link, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DESCRIPTORS, HeldDirectory } from '#agent/tools/held-directory.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
let cwd: string
let sandbox: Sandbox

beforeAll(async () => {
  directory = await newDirectory()
  cwd = join(directory.path, 'work')
  await mkdir(join(cwd, 'sub/.git'), { recursive: true })
  await mkdir(join(cwd, '.infer'))
  await mkdir(join(directory.path, 'work-too'))
  await mkdir(join(directory.path, 'shared'))
  await writeFile(join(directory.path, 'secret.txt'), 'secret')
  await writeFile(join(directory.path, 'shared/s.txt'), 's')
  await writeFile(join(cwd, 'a.txt'), 'a')
  await writeFile(join(cwd, 'prod.env'), 'KEY=1')
  await symlink(join(directory.path, 'secret.txt'), join(cwd, 'link-out'))
  await symlink('a.txt', join(cwd, 'link-in'))
  await symlink('prod.env', join(cwd, 'harmless.txt'))
  await symlink(directory.path, join(cwd, 'up'))
  await symlink('/etc/not-there-yet', join(cwd, 'dangling'))
  await symlink('loop-b', join(cwd, 'loop-a'))
  await symlink('loop-a', join(cwd, 'loop-b'))
  await symlink(cwd, join(directory.path, 'way-in'))
  sandbox = new Sandbox({
    cwd,
    directories: ['.', join(directory.path, 'shared')],
    protectedPaths: ['*.env', '.env.*', 'sub/keys', 'vault/'],
  })
})
afterAll(() => directory[Symbol.asyncDispose]())

describe('Sandbox', () => {
  it.each([
    ['a.txt', 'a.txt'],
    ['./sub/../a.txt', 'a.txt'],
    ['link-in', 'a.txt'],
    ['sub/new/deep.txt', 'sub/new/deep.txt'],
    ['.', '.'],
  ])('%s is %s', async (path, real) => {
    expect(await sandbox.resolve(path)).toBe(join(cwd, real))
  })

  it('takes absolute paths, other directories of the list, and ways that lead back in', async () => {
    expect(await sandbox.resolve(join(cwd, 'a.txt'))).toBe(join(cwd, 'a.txt'))
    expect(await sandbox.resolve('../shared/s.txt')).toBe(join(directory.path, 'shared/s.txt'))
    expect(await sandbox.resolve(join(directory.path, 'way-in/a.txt'))).toBe(join(cwd, 'a.txt'))
  })

  it.each([
    '../secret.txt',
    '../work-too/x',
    '/etc/passwd',
    'link-out',
    'up/secret.txt',
    'up/work-too/new.txt',
    'dangling',
    'sub/../../secret.txt',
  ])('%s is outside', async (path) => {
    await expect(sandbox.resolve(path)).rejects.toThrow(/is outside the allowed directories/)
  })

  it.each([
    '.infer/config.yaml',
    '.infer',
    'sub/.git/config',
    'sub/.GIT/config',
    'prod.env',
    'PROD.ENV',
    'sub/.env.local',
    'harmless.txt',
    'sub/keys',
    'sub/keys/id_ed25519',
    'vault/x',
    'sub/vault/x',
    'other.env/below.txt',
    '.git/',
    '.git/.',
    '.Git /config',
    '.git./config',
    '.git. . /config',
    '.git::$INDEX_ALLOCATION/config',
    'GIT~1/config',
    'infer~1',
    '.g\u200cit/config',
    'prod.env.',
    'prod.env::$DATA',
    'prod\ufeff.env',
    'x.\u0045NV',
    'SUB/Keys/x',
  ])('%s is protected', async (path) => {
    await expect(sandbox.resolve(path)).rejects.toThrow(/is a protected path/)
  })

  it('always protects .infer and .git, whatever the configuration says', async () => {
    const open = new Sandbox({ cwd, directories: ['/'], protectedPaths: [] })
    for (const path of ['.infer/config.yaml', 'sub/.git/HEAD']) {
      await expect(open.resolve(path)).rejects.toThrow(/is a protected path/)
    }
    expect(await open.resolve('/etc/hostname')).toBe('/etc/hostname')
  })

  it.each(['', 'a\0b', 'loop-a'])('refuses %j', async (path) => {
    await expect(sandbox.resolve(path)).rejects.toMatchObject({ name: 'ToolError' })
  })

  it('takes patterns literally but for * and ?', async () => {
    const one = new Sandbox({ cwd, directories: ['.'], protectedPaths: ['a.t?t', 'x+(1)'] })
    await expect(one.resolve('a.txt')).rejects.toThrow(/protected/)
    await expect(one.resolve('x+(1)')).rejects.toThrow(/protected/)
    expect(await one.resolve('axtxt')).toBe(join(cwd, 'axtxt'))
  })

  it('compares names as file systems do that compose letters', async () => {
    const one = new Sandbox({ cwd, directories: ['.'], protectedPaths: ['caf\u00e9'] })
    await expect(one.resolve('cafe\u0301/x')).rejects.toThrow(/protected/)
    await expect(one.resolve('CAFE\u0301/x')).rejects.toThrow(/protected/)
    expect(await one.resolve('cafe/x')).toBe(join(cwd, 'cafe/x'))
  })

  it('protects the directory that .git or .infer is a link to', async () => {
    await using elsewhere = await newDirectory()
    await mkdir(join(elsewhere.path, 'state'))
    await symlink('state', join(elsewhere.path, '.git'))
    const one = new Sandbox({ cwd: elsewhere.path, directories: ['.'], protectedPaths: [] })
    await expect(one.resolve('state/config')).rejects.toThrow(/protected/)
    expect(await one.resolve('state-too')).toBe(join(elsewhere.path, 'state-too'))
  })

  it('takes the ways through /proc and /dev for where they lead, and keeps processes closed', async () => {
    const all = new Sandbox({ cwd, directories: ['/'], protectedPaths: [] })
    expect(await all.resolve(`/proc/self/root${cwd}/a.txt`).catch(String)).toContain('protected')
    await expect(sandbox.resolve('/proc/self/root/etc/passwd')).rejects.toThrow(/outside/)
    for (const path of [
      '/proc/self/environ',
      `/proc/${process.pid}/environ`,
      '/proc/self/task/1/environ',
      '/proc/1/mem',
    ]) {
      await expect(all.resolve(path), path).rejects.toThrow(/protected/)
    }
    await using file = await sandbox.open('a.txt')
    expect(await sandbox.resolve(`/dev/fd/${file.fd}`)).toBe(join(cwd, 'a.txt'))
    await expect(all.open('/dev/zero')).rejects.toThrow('/dev/zero is not a regular file')
    await expect(all.open('/dev/stdin')).rejects.toMatchObject({ name: 'ToolError' })
  })

  it('does not expand ~, and says so', async () => {
    await expect(sandbox.resolve('~/.ssh/id_ed25519')).rejects.toThrow('~ is not expanded in ~/.ssh/id_ed25519')
    await expect(sandbox.resolve('~')).rejects.toThrow('~ is not expanded')
    expect(await sandbox.resolve('./~')).toBe(join(cwd, '~'))
    expect(await sandbox.resolve('~notes.txt')).toBe(join(cwd, '~notes.txt'))
  })

  it('takes names as they are: blanks, line ends, Unicode, percent signs, quotes', async () => {
    for (const name of [' a ', 'a\nb', 'ä😀', '%2e%2e', '..%2fsecret.txt', "it's", '...', '-rf', '\u202ea', '$HOME']) {
      expect(await sandbox.resolve(name)).toBe(join(cwd, name))
    }
    await expect(sandbox.resolve('x'.repeat(300))).rejects.toThrow('longer than the file system allows')
    await expect(sandbox.resolve('x/'.repeat(5000))).rejects.toThrow('longer than the file system allows')
  })

  it('gives up on links that name each other, and takes `..` behind a dangling one as the system does', async () => {
    await using tangle = await newDirectory()
    await mkdir(join(tangle.path, 'deep/er'), { recursive: true })
    await symlink('deep/er', join(tangle.path, 'far'))
    await symlink('far/../new.txt', join(tangle.path, 'up-from-far'))
    for (const [name, target] of [
      ['p', 'none/../q/r/q/r'],
      ['q', 'none/../p/r/p/r'],
    ] as const) {
      await symlink(target, join(tangle.path, name))
    }
    const one = new Sandbox({ cwd: tangle.path, directories: ['.'], protectedPaths: [] })
    await expect(one.resolve('p')).rejects.toThrow(/too many symbolic links/)
    expect(await one.resolve('up-from-far')).toBe(join(tangle.path, 'deep/new.txt'))
  })

  it('does not see a hard link (the documented limit)', async () => {
    await link(join(cwd, 'prod.env'), join(cwd, 'hard.txt'))
    await using file = await sandbox.open('hard.txt')
    expect(await file.readFile('utf8')).toBe('KEY=1')
  })

  it('opens files, and nothing else', async () => {
    await using file = await sandbox.open('link-in')
    expect(await file.readFile('utf8')).toBe('a')
    await expect(sandbox.open('sub')).rejects.toThrow('sub is a directory')
    await expect(sandbox.open('.')).rejects.toThrow('. is a directory')
    await expect(sandbox.open('a.txt/b')).rejects.toThrow('there is no file a.txt/b')
    await expect(sandbox.open('none/b')).rejects.toThrow('there is no file none/b')
    const root = new Sandbox({ cwd, directories: ['/'], protectedPaths: [] })
    await expect(root.open('/')).rejects.toThrow('/ is a directory')
  })
})

describe('a directory held open', () => {
  it.each([
    ['with descriptors', DESCRIPTORS],
    ['without', '/nowhere'],
  ])('notices that another one took its place: %s', async (_, descriptors) => {
    await using place = await newDirectory()
    const [dir, away, outside] = ['dir', 'away', 'outside'].map((name) => join(place.path, name)) as [
      string,
      string,
      string,
    ]
    await mkdir(dir)
    await mkdir(outside)
    await writeFile(join(dir, 'f'), 'mine')
    await writeFile(join(outside, 'f'), 'SECRET')
    await using held = await HeldDirectory.open(dir, descriptors)
    expect(await held.location()).toBe(dir)
    await rename(dir, away)
    await symlink(outside, dir)
    if (descriptors === DESCRIPTORS) {
      expect(await held.location()).toBe(away)
      expect(await readFile(held.at('f'), 'utf8')).toBe('mine')
    } else {
      expect(await held.location()).toBeUndefined()
    }
    await expect(HeldDirectory.open(dir, descriptors)).rejects.toThrow(/ENOTDIR|ELOOP/)
  })
})
