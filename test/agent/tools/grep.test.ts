import { execFileSync } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findRipgrep } from '#agent/search/ripgrep.ts'
import { grepTool } from '#agent/tools/grep.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { callTool } from './call-tool.ts'
import { newDirectory } from './in-directory.ts'

const ripgrep = await findRipgrep(process.env.PATH)
let directory: Awaited<ReturnType<typeof newDirectory>>
let cwd: string

const FILES: Record<string, string | Uint8Array> = {
  'a.ts': 'import x\nconst needle = 1\nneedle += 1\nend\n',
  'src/b.ts': 'one\ntwo needle\nthree\n',
  'src/b.test.ts': 'needle in a test',
  'src/deep/c.py': 'needle = 2\n',
  '.github/ci.yml': 'needle: hidden\n',
  'crlf.txt': 'first\r\nneedle\r\nlast\r\n',
  'wide.min.js': `needle${'x'.repeat(5_000)}\n`,
  'bin.dat': new Uint8Array([...Buffer.from('needle'), 0, 1, 2]),
  'utf16.txt': Buffer.from('\ufeffneedle 16\n', 'utf16le'),
  'bom.txt': '\ufeffneedle first\n',
  'latin.txt': new Uint8Array([...Buffer.from('needle caf'), 0xe9, 10]),
  'odd:name 1:2.txt': 'needle odd\n',
  '.gitignore': 'dist/\n*.log\n!keep.log\n',
  'dist/out.js': 'needle built',
  'x.log': 'needle log',
  'keep.log': 'needle kept',
  'src/.gitignore': 'local.ts\n!back.log\n',
  'src/local.ts': 'needle local',
  'src/back.log': 'needle back',
  'excluded.txt': 'needle excluded',
  '.git/info/exclude': 'excluded.txt\n',
  '.git/config': 'needle = git\n',
  '.infer/config.yaml': 'needle: SECRET\n',
  'prod.env': 'needle=SECRET\n',
  'sub/.env.local': 'needle=SECRET\n',
  'vault/key.txt': 'needle SECRET\n',
}

beforeAll(async () => {
  directory = await newDirectory()
  cwd = join(directory.path, 'work')
  for (const [name, content] of Object.entries(FILES)) await write(name, content)
  await writeFile(join(directory.path, 'outside.txt'), 'needle SECRET\n')
  await symlink('../outside.txt', join(cwd, 'link-out.txt'))
  await symlink('..', join(cwd, 'up'))
  await symlink('prod.env', join(cwd, 'harmless.txt'))
  await symlink('a.ts', join(cwd, 'link-in.ts'))
  execFileSync('mkfifo', [join(cwd, 'pipe')])
})
afterAll(() => directory[Symbol.asyncDispose]())

async function write(name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(cwd, name)), { recursive: true })
  await writeFile(join(cwd, name), content)
}

function tool(searchPath: string | undefined, timeLimitMs?: number) {
  const sandbox = new Sandbox({ cwd, directories: ['.'], protectedPaths: ['*.env', '.env.*', 'vault/'] })
  const limit = timeLimitMs === undefined ? {} : { timeLimitMs }
  return grepTool({ sandbox, cwd, requireApproval: false, searchPath, ...limit })
}

const ALL = [
  '.github/ci.yml',
  'a.ts',
  'bom.txt',
  'crlf.txt',
  'keep.log',
  'latin.txt',
  'odd:name 1:2.txt',
  'src/b.test.ts',
  'src/b.ts',
  'src/back.log',
  'src/deep/c.py',
  'utf16.txt',
  'wide.min.js',
]

const engines = [
  { engine: 'in the process', searchPath: undefined, absent: false },
  { engine: 'by ripgrep', searchPath: process.env.PATH, absent: ripgrep === undefined },
]

describe.each(engines)('Grep $engine', ({ searchPath, absent }) => {
  const grep = async (args: JsonObject) => await callTool(tool(searchPath), args)
  const files = async (args: JsonObject) => ((await grep(args)).content as string).split('\n').filter(Boolean)

  it('finds files that are open, and no other', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    const result = await grep({ pattern: 'needle' })
    expect((result.content as string).split('\n')).toEqual(ALL)
    expect(result).toMatchObject({ output_mode: 'files_with_matches', total_files: ALL.length })
    expect(JSON.stringify(await grep({ pattern: '.', output_mode: 'content', head_limit: 2000 }))).not.toContain(
      'SECRET',
    )
    expect(await files({ pattern: 'SECRET|git' })).toEqual([])
  })

  it('prints lines with their surroundings', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    const one = { pattern: 'needle', output_mode: 'content' }
    expect(await grep({ ...one, path: 'src', glob: '*.ts' })).toMatchObject({
      content: 'src/b.test.ts:1:needle in a test\nsrc/b.ts:2:two needle',
      total_files: 2,
      total_matching_lines: 2,
      searched_files: 2,
    })
    expect(await files({ ...one, path: 'src/b.ts', '-C': 1 })).toEqual([
      '--',
      'src/b.ts-1-one',
      'src/b.ts:2:two needle',
      'src/b.ts-3-three',
    ])
    expect(await files({ ...one, path: 'a.ts', '-A': 1, '-n': false })).toEqual([
      '--',
      'a.ts:const needle = 1',
      'a.ts:needle += 1',
      'a.ts-end',
    ])
    expect(await files({ ...one, path: 'a.ts', '-B': 1 })).toEqual([
      '--',
      'a.ts-1-import x',
      'a.ts:2:const needle = 1',
      'a.ts:3:needle += 1',
    ])
    expect(await files({ ...one, path: 'crlf.txt' })).toEqual(['crlf.txt:2:needle'])
    expect((await files({ ...one, path: 'wide.min.js' }))[0]).toMatch(
      /^wide\.min\.js:1:needlex{494}… \(5006 characters\)$/,
    )
  })

  it('counts the matching lines of a file', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    expect(await grep({ pattern: 'needle', output_mode: 'count', type: 'ts' })).toMatchObject({
      content: 'a.ts:2\nsrc/b.test.ts:1\nsrc/b.ts:1',
      total_files: 3,
      total_matching_lines: 4,
    })
  })

  it('takes case, line ends and kinds of files as asked', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    expect(await files({ pattern: 'NEEDLE$' })).toEqual([])
    expect(await files({ pattern: 'NEEDLE$', '-i': true })).toEqual(['crlf.txt', 'src/b.ts'])
    expect(await files({ pattern: '^needle first' })).toEqual(['bom.txt'])
    expect(await files({ pattern: 'one.*three', multiline: true })).toEqual(['src/b.ts'])
    expect(await files({ pattern: 'one.*needle', multiline: true, output_mode: 'content' })).toEqual([
      'src/b.ts:1:one',
      'src/b.ts:2:two needle',
    ])
    expect(await files({ pattern: 'needle', glob: '!*.ts', type: 'ts' })).toEqual([])
    expect(await files({ pattern: 'needle', glob: 'src/**/*.{ts,py}' })).toEqual([
      'src/b.test.ts',
      'src/b.ts',
      'src/deep/c.py',
    ])
    expect(await files({ pattern: 'needle', glob: '!*.test.ts', path: 'src', type: 'typescript' })).toEqual([
      'src/b.ts',
    ])
  })

  it('states the totals of what it does not show', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    expect(await grep({ pattern: 'needle', head_limit: 2 })).toMatchObject({
      content: '.github/ci.yml\na.ts',
      total_files: ALL.length,
      shown: 2,
      note: `only the first 2 of ${ALL.length} are shown`,
    })
    expect(await grep({ pattern: 'needle', output_mode: 'content', head_limit: 2 })).toMatchObject({
      content: '.github/ci.yml:1:needle: hidden\na.ts:2:const needle = 1',
      total_matching_lines: ALL.length + 1,
      shown: 2,
    })
  })

  it('searches what is ignored when it is named', async (context) => {
    context.skip(absent, 'ripgrep is not installed')
    expect(await files({ pattern: 'needle', path: 'dist' })).toEqual(['dist/out.js'])
    expect(await files({ pattern: 'needle', path: 'x.log' })).toEqual(['x.log'])
    await expect(grep({ pattern: 'needle', path: 'prod.env' })).rejects.toThrow('protected')
    await expect(grep({ pattern: 'needle', path: 'harmless.txt' })).rejects.toThrow('protected')
    await expect(grep({ pattern: 'needle', path: '.git' })).rejects.toThrow('protected')
    await expect(grep({ pattern: 'needle', path: '..' })).rejects.toThrow('outside')
    await expect(grep({ pattern: 'needle', path: 'nope' })).rejects.toThrow('there is no file or directory nope')
    await expect(grep({ pattern: 'needle', path: 'pipe' })).rejects.toThrow('neither a regular file')
  })
})

describe('Grep', () => {
  it('ends an expression that would run for ever', async () => {
    await write('slow/slow.txt', `${'a'.repeat(5_000)}!\n`)
    const slow = callTool(tool(undefined, 1_000), { pattern: '(a+)+(b+)+$', path: 'slow' })
    await expect(slow).rejects.toThrow(/given up after 1 s at .*slow\.txt: make the pattern simpler/)
  })

  it('stops when the run is stopped', async () => {
    await write('slow/slow.txt', `${'a'.repeat(5_000)}!\n`)
    const stop = new AbortController()
    const slow = callTool(tool(undefined, 600_000), { pattern: '(a+)+(b+)+$', path: 'slow' }, stop.signal)
    setImmediate(() => stop.abort(new Error('stopped')))
    await expect(slow).rejects.toThrow('stopped')
  })

  it('leaves out files that are too large, and says so', async () => {
    await write('large/l.txt', 'needle\n'.repeat(1_600_000))
    expect(await callTool(tool(undefined), { pattern: 'needle', path: 'large' })).toMatchObject({
      total_files: 0,
      too_large: '1 files over 10485760 bytes were left out',
    })
  })

  it('searches in the process when ripgrep cannot be run', async () => {
    const broken = await newDirectory()
    await using _ = broken
    const rg = join(broken.path, 'rg')
    await writeFile(rg, '#!/bin/sh\necho "error: unexpected argument" >&2\nexit 2\n')
    await chmod(rg, 0o755)
    expect(await callTool(tool(broken.path), { pattern: 'two needle' })).toMatchObject({ content: 'src/b.ts' })
    await writeFile(rg, 'no program')
    expect(await callTool(tool(broken.path), { pattern: 'two needle' })).toMatchObject({ content: 'src/b.ts' })
  })

  it('takes no ripgrep from a part of PATH that is relative', async () => {
    expect(await findRipgrep('.:bin:')).toBeUndefined()
  })

  it('says what is wrong with its arguments', async () => {
    const grep = (args: JsonObject) => callTool(tool(undefined), args)
    await expect(grep({})).rejects.toThrow('pattern is missing')
    await expect(grep({ pattern: 'a(' })).rejects.toThrow('"(" is never closed')
    await expect(grep({ pattern: 'a', type: 'cobol' })).rejects.toThrow(
      'there is no file type "cobol"; there are c, cpp',
    )
    await expect(grep({ pattern: 'a', glob: '[x' })).rejects.toThrow('never closed')
    await expect(grep({ pattern: 'a', output_mode: 'lines' })).rejects.toThrow(
      'output_mode must be one of content, files_with_matches, count',
    )
  })
})
