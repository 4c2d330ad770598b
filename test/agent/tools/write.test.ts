import { execFileSync } from 'node:child_process'
import { chmod, link, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { writeTool } from '#agent/tools/write.ts'
import { callOf, carryOut, sandboxOf } from './file-tool.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
const directories: AsyncDisposable[] = []

beforeEach(async () => {
  directory = await newDirectory()
  directories.push(directory)
})
afterAll(() => Promise.all(directories.map((one) => one[Symbol.asyncDispose]())))

const at = (name: string) => join(directory.path, name)
const tool = (requireApproval = true, descriptors?: string) =>
  writeTool({ sandbox: sandboxOf(directory.path, descriptors), requireApproval })
const write = (file_path: string, content: string) => carryOut(tool(), { file_path, content })

describe('Write', () => {
  it('makes a file with the directories above it, and says what it did', async () => {
    expect(await write('a/b/c.txt', 'one\r\ntwo\nthree é')).toEqual({
      file_path: 'a/b/c.txt',
      action: 'created',
      bytes: 17,
      lines: 3,
    })
    expect(await readFile(at('a/b/c.txt'), 'utf8')).toBe('one\r\ntwo\nthree é')
    expect(await readdir(at('a/b'))).toEqual(['c.txt'])
  })

  it('replaces a file, keeps its mode and leaves nothing else behind', async () => {
    await writeFile(at('run.sh'), 'old')
    await chmod(at('run.sh'), 0o750)
    const before = await stat(at('run.sh'))
    expect(await write('run.sh', '')).toEqual({ file_path: 'run.sh', action: 'replaced', bytes: 0, lines: 0 })
    const after = await stat(at('run.sh'))
    expect(await readFile(at('run.sh'), 'utf8')).toBe('')
    expect(after.mode & 0o7777).toBe(0o750)
    expect(after.ino).not.toBe(before.ino)
    expect(await readdir(directory.path)).toEqual(['run.sh'])
  })

  it('works the same where descriptors are no paths', async () => {
    const other = tool(true, '/nowhere')
    expect(await carryOut(other, { file_path: 'a/b/c.txt', content: '1' })).toMatchObject({ action: 'created' })
    expect(await carryOut(other, { file_path: 'a/b/c.txt', content: '22' })).toMatchObject({ action: 'replaced' })
    expect(await readFile(at('a/b/c.txt'), 'utf8')).toBe('22')
  })

  it('gives a new file the mode that the umask leaves', () => {
    expect(child('umask 027', 'new.txt', 3)).toContain('"action":"created"')
    return expect(stat(at('new.txt'))).resolves.toMatchObject({ mode: 0o100640 })
  })

  it('leaves the old file and nothing else when it cannot be written to the end', async () => {
    await writeFile(at('kept.txt'), 'old')
    const problem = 'it would be too large for the file system (EFBIG)'
    expect(child('ulimit -f 16', 'kept.txt', 1_000_000)).toBe(`kept.txt cannot be written: ${problem}`)
    expect(child('ulimit -f 16', 'none.txt', 1_000_000)).toBe(`none.txt cannot be written: ${problem}`)
    expect(await readFile(at('kept.txt'), 'utf8')).toBe('old')
    expect(await readdir(directory.path)).toEqual(['kept.txt'])
  })

  it('writes through a link inside the sandbox and keeps the link', async () => {
    await writeFile(at('real.txt'), 'old')
    await symlink('real.txt', at('link.txt'))
    await write('link.txt', 'new')
    expect(await readFile(at('real.txt'), 'utf8')).toBe('new')
    expect((await lstat(at('link.txt'))).isSymbolicLink()).toBe(true)
  })

  it('never writes into the other name of a hard link', async () => {
    await writeFile(at('secret.env'), 'KEY=1')
    await link(at('secret.env'), at('other.txt'))
    await write('other.txt', 'new')
    expect(await readFile(at('secret.env'), 'utf8')).toBe('KEY=1')
  })

  it('refuses what is no file, and what the sandbox closes', async () => {
    await mkdir(at('dir'))
    await writeFile(at('file'), '')
    execFileSync('mkfifo', [at('pipe')])
    for (const [path, problem] of [
      ['dir', 'dir is a directory'],
      ['.', '. is a directory'],
      ['new/', 'new/ names a directory, not a file'],
      ['pipe', 'pipe is not a regular file'],
      ['file/below.txt', `file/below.txt cannot be created: ${at('file')} is not a directory`],
      ['file/far/below.txt', `file/far/below.txt cannot be created: ${at('file')} is not a directory`],
      ['../out.txt', 'outside'],
      ['x.env', 'protected'],
      ['.git/hooks/post-checkout', 'protected'],
      ['~/x.txt', '~ is not expanded'],
    ] as const) {
      await expect(write(path, 'x'), path).rejects.toThrow(problem)
      // The checks are those of the call, not of what is shown before it.
      await expect((async () => await callOf(tool(), { file_path: path, content: 'x' }).run())()).rejects.toThrow()
    }
    await expect(write('half.txt', 'a\ud83d')).rejects.toThrow('content holds half of a surrogate pair')
    expect((await readdir(directory.path)).sort()).toEqual(['dir', 'file', 'pipe'])
  })

  it.skipIf(process.getuid?.() === 0)('refuses a read-only file (nothing is read-only to root)', async () => {
    await writeFile(at('locked.txt'), 'old', { mode: 0o444 })
    await expect(write('locked.txt', 'new')).rejects.toThrow('locked.txt cannot be written: permission is denied')
  })

  it('shows a diff of what it replaces, and the first lines of what is new', async () => {
    await writeFile(at('a.txt'), 'one\ntwo\nthree\n')
    const show = (file_path: string, content: string) => callOf(tool(), { file_path, content }).prepare()
    expect(await show('a.txt', 'one\n2\nthree\n')).toBe(
      'Replace a.txt (3 lines, 12 bytes)\n--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three',
    )
    expect(await show('a.txt', 'one\ntwo\nthree\n')).toBe('Replace a.txt by the same content')
    expect(await show('new.txt', 'x\n'.repeat(100))).toMatch(
      /^Create new\.txt \(100 lines, 200 bytes\)\n(x\n){40}… \(100 lines\)$/,
    )
    await writeFile(at('b.bin'), new Uint8Array([255, 0]))
    expect(await show('b.bin', 'text')).toContain('Replace b.bin, which is not UTF-8 text')
    const lines = (word: string) => Array.from({ length: 5_000 }, (_, index) => `${word} ${index}\n`).join('')
    await writeFile(at('long.txt'), lines('old'))
    expect(await show('long.txt', lines('new'))).toContain('Replace nearly all of long.txt (5000 lines) by 5000 lines')
    expect((await readdir(directory.path)).sort()).toEqual(['a.txt', 'b.bin', 'long.txt'])
  })

  it('does only what was approved: not when the file changed, appeared or went since', async () => {
    await writeFile(at('a.txt'), 'one')
    await writeFile(at('gone.txt'), 'one')
    const [changed, appeared, gone] = ['a.txt', 'deep/new.txt', 'gone.txt'].map((file_path) =>
      callOf(tool(), { file_path, content: 'mine' }),
    )
    for (const call of [changed, appeared, gone]) await call?.prepare()
    await writeFile(at('a.txt'), 'two')
    await mkdir(at('deep'))
    await writeFile(at('deep/new.txt'), 'theirs')
    execFileSync('rm', [at('gone.txt')])
    for (const call of [changed, appeared, gone]) {
      await expect(call?.run()).rejects.toThrow('is no longer what was shown for approval')
    }
    expect(await readFile(at('a.txt'), 'utf8')).toBe('two')
    expect(await readFile(at('deep/new.txt'), 'utf8')).toBe('theirs')
  })

  it('asks nobody, and compares nothing, where no approval is required', async () => {
    const call = callOf(tool(false), { file_path: 'a.txt', content: 'mine' })
    await call.prepare()
    await writeFile(at('a.txt'), 'theirs')
    expect(await call.run()).toMatchObject({ action: 'replaced' })
    expect(tool(false).needsApproval({ file_path: 'a.txt', content: '' })).toBe(false)
    expect(tool().needsApproval({ file_path: 'a.txt', content: '' })).toBe(true)
  })
})

/** The tool in a process under limits that a shell sets. */
function child(limits: string, name: string, size: number): string {
  const script = fileURLToPath(new URL('./write-child.ts', import.meta.url))
  const args = [process.execPath, script, directory.path, name, String(size)]
  return execFileSync('sh', ['-c', `${limits}; exec "$@"`, 'sh', ...args], { encoding: 'utf8' }).trim()
}
