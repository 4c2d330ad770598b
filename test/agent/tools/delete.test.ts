import { execFileSync } from 'node:child_process'
import { lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { deleteTool } from '#agent/tools/delete.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { callOf, carryOut, sandboxOf } from './file-tool.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
let work: string
const directories: AsyncDisposable[] = []

beforeEach(async () => {
  directory = await newDirectory()
  directories.push(directory)
  work = join(directory.path, 'work')
  await mkdir(join(work, 'dir/sub'), { recursive: true })
  await mkdir(join(work, 'empty'))
  await mkdir(join(directory.path, 'outside'))
  await writeFile(join(directory.path, 'outside/kept.txt'), 'kept')
  await writeFile(at('a.txt'), 'abc')
  await writeFile(at('dir/one.txt'), '1')
  await writeFile(at('dir/sub/two.txt'), '22')
  await symlink('../../outside', at('dir/way-out'))
  await symlink('../outside/kept.txt', at('link-out'))
  await symlink('nowhere', at('dangling'))
})
afterAll(() => Promise.all(directories.map((one) => one[Symbol.asyncDispose]())))

const at = (name: string) => join(work, name)
const tool = (requireApproval = true, sandbox = sandboxOf(work)) => deleteTool({ sandbox, requireApproval })
const remove = (path: string, recursive?: boolean) => carryOut(tool(), { path, recursive: recursive ?? null })
const keptOutside = async () => {
  expect(await readdir(join(directory.path, 'outside'))).toEqual(['kept.txt'])
  expect(await readFile(join(directory.path, 'outside/kept.txt'), 'utf8')).toBe('kept')
}

describe('Delete', () => {
  it('deletes files and empty directories', async () => {
    expect(await remove('a.txt')).toEqual({ path: 'a.txt', deleted: 'file' })
    expect(await remove('empty/')).toEqual({ path: 'empty/', deleted: 'directory' })
    expect(await carryOut(tool(), { file_path: 'dir/one.txt' })).toEqual({ path: 'dir/one.txt', deleted: 'file' })
    expect((await readdir(work)).sort()).toEqual(['dangling', 'dir', 'link-out'])
    await expect(remove('a.txt')).rejects.toThrow('there is no file a.txt')
    await expect(remove('none/a.txt')).rejects.toThrow('there is no file none/a.txt')
  })

  it('deletes a link, never what it leads to', async () => {
    expect(await remove('link-out')).toEqual({ path: 'link-out', deleted: 'symbolic link' })
    expect(await remove('dangling')).toEqual({ path: 'dangling', deleted: 'symbolic link' })
    expect(await remove('dir/way-out/')).toEqual({ path: 'dir/way-out/', deleted: 'symbolic link' })
    expect((await readdir(work)).sort()).toEqual(['a.txt', 'dir', 'empty'])
    await keptOutside()
  })

  it('deletes a directory with content only when it is told to, and follows no link in it', async () => {
    await expect(remove('dir')).rejects.toThrow(
      'dir is a directory that holds 4 entries; set recursive to delete them too',
    )
    expect(await remove('dir', true)).toEqual({ path: 'dir', deleted: 'directory', entries: 4 })
    expect((await readdir(work)).sort()).toEqual(['a.txt', 'dangling', 'empty', 'link-out'])
    await keptOutside()
  })

  it('refuses the directories of the sandbox, what holds them, and what is closed', async () => {
    await mkdir(at('dir/.git'))
    await writeFile(at('empty/x.env'), 'KEY=1')
    const two = new Sandbox({ cwd: at('dir/sub'), directories: [work, at('empty')], protectedPaths: [] })
    for (const [call, problem] of [
      [() => remove('.', true), '. is or holds the working directory'],
      [() => carryOut(tool(true, two), { path: at('empty'), recursive: true }), 'tools.sandbox.directories'],
      [() => carryOut(tool(true, two), { path: '..', recursive: true }), '.. is or holds the working directory'],
      [() => remove('dir', true), 'dir holds .git, which is a protected path'],
      [() => remove('empty', true), 'empty holds x.env, which is a protected path'],
      [() => remove('dir/.git'), 'dir/.git is a protected path'],
      [() => remove('..', true), 'outside'],
      [() => remove('dir/way-out/kept.txt'), 'outside'],
      [() => remove('/etc/hostname'), 'outside'],
    ] as const) {
      await expect(call()).rejects.toThrow(problem)
    }
    expect((await readdir(at('dir'))).sort()).toEqual(['.git', 'one.txt', 'sub', 'way-out'])
    await keptOutside()
  })

  it('says what it would delete, and changes nothing yet', async () => {
    const show = (path: string) => callOf(tool(), { path, recursive: true }).prepare()
    execFileSync('mkfifo', [at('pipe')])
    expect(await show('a.txt')).toBe('Delete the file a.txt (3 bytes)')
    expect(await show('link-out')).toBe('Delete the symbolic link link-out, not what it leads to')
    expect(await show('empty')).toBe('Delete the empty directory empty')
    expect(await show('pipe')).toBe('Delete pipe, which is no regular file')
    expect(await show('dir')).toBe(
      'Delete the directory dir with everything in it: 4 entries, 3 bytes\n  one.txt\n  sub/\n  sub/two.txt\n  way-out',
    )
    expect((await lstat(at('dir/one.txt'))).size).toBe(1)
  })

  it('deletes only what was approved', async () => {
    const calls = ['a.txt', 'dir', 'link-out'].map((path) => callOf(tool(), { path, recursive: true }))
    for (const call of calls) await call.prepare()
    await writeFile(at('a.txt'), 'more')
    await writeFile(at('dir/sub/new.txt'), '')
    await rename(at('empty'), at('link-out-2'))
    await rename(at('a.txt'), at('link-out'))
    await writeFile(at('a.txt'), 'abc and more')
    for (const call of calls) await expect(call.run()).rejects.toThrow('is no longer what was shown for approval')
    expect((await readdir(at('dir/sub'))).sort()).toEqual(['new.txt', 'two.txt'])
    expect(await readFile(at('link-out'), 'utf8')).toBe('more')
  })

  it('stops when the run is stopped', async () => {
    const call = callOf(tool(), { path: 'dir', recursive: true }, AbortSignal.abort())
    await expect(call.run()).rejects.toThrow(/abort/i)
    expect((await readdir(at('dir'))).sort()).toEqual(['one.txt', 'sub', 'way-out'])
  })

  it('works the same where descriptors are no paths', async () => {
    const other = tool(true, sandboxOf(work, '/nowhere'))
    expect(await carryOut(other, { path: 'dir', recursive: true })).toMatchObject({ entries: 4 })
    expect(await carryOut(other, { path: 'link-out' })).toMatchObject({ deleted: 'symbolic link' })
    await keptOutside()
  })
})
