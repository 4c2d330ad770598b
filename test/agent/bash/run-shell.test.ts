import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bashEnvironment } from '#agent/bash/bash-environment.ts'
import { MAX_OUTPUT } from '#agent/bash/capped-output.ts'
import { type RunOptions, runShell, runWords } from '#agent/bash/run-shell.ts'
import { Child } from '../../support/child.ts'
import { cleanEnvironment } from '../../support/environment.ts'
import { isRunning } from '../../support/processes.ts'
import { waitFor } from '../../support/wait-for.ts'
import { newDirectory } from '../tools/in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>

beforeAll(async () => {
  directory = await newDirectory()
})
afterAll(() => directory[Symbol.asyncDispose]())

const env = bashEnvironment(cleanEnvironment(), new Set())

function options(changed: Partial<RunOptions> = {}): RunOptions {
  return { cwd: directory.path, env, timeoutMs: 60_000, signal: new AbortController().signal, ...changed }
}

const shell = (command: string, changed?: Partial<RunOptions>) => runShell(command, options(changed))

/** The process ids that a script wrote, one file each, once they are there. */
async function pids(...names: string[]): Promise<number[]> {
  return await Promise.all(
    names.map((name) =>
      waitFor(`a pid in ${name}`, async () => {
        const text = await readFile(join(directory.path, name), 'utf8').catch(() => '')
        return text.endsWith('\n') && Number(text)
      }),
    ),
  )
}

async function forget(...names: string[]): Promise<void> {
  for (const name of names) await rm(join(directory.path, name), { force: true })
}

const ended = (pid: number) => waitFor(`the end of ${pid}`, () => !isRunning(pid))

describe('running a command', () => {
  it('tells output and exit code', async () => {
    expect(await shell('echo one; echo two >&2; exit 3')).toMatchObject({
      output: 'one\ntwo\n',
      exitCode: 3,
      signal: undefined,
      endedBy: undefined,
      leftBehind: false,
      printed: 8,
    })
  })

  it('keeps the order of stdout and stderr', async () => {
    const { output } = await shell('for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done')
    expect(output).toBe(Array.from({ length: 9 }, (_, i) => `o${i + 1}\ne${i + 1}\n`).join(''))
  })

  it('tells the signal that ended it', async () => {
    expect(await shell('kill -KILL $$')).toMatchObject({ exitCode: undefined, signal: 'SIGKILL' })
  })

  it('gives it no input and no terminal', async () => {
    expect(await shell('cat; [ -t 0 ] || echo none; (: < /dev/tty) 2> /dev/null || echo no tty')).toMatchObject({
      output: 'none\nno tty\n',
    })
  })

  it('runs words as they are, whatever they hold', async () => {
    const words = ['printf', '[%s]', '$HOME', '`id`', 'a b', '; id', '', '*', "'"]
    expect((await runWords(words, options())).output).toBe("[$HOME][`id`][a b][; id][][*][']")
  })

  it('says that a program does not exist', async () => {
    expect(await runWords(['no-such-program'], options())).toMatchObject({
      exitCode: 127,
      output: expect.stringContaining('not found'),
    })
  })

  it('cannot start where there is no directory', async () => {
    await expect(shell('true', { cwd: join(directory.path, 'gone') })).rejects.toThrow('cannot be started in')
  })

  it('cannot start with more than the system takes', async () => {
    await expect(shell(`true ${'x'.repeat(3_000_000)}`)).rejects.toThrow('cannot be started (E2BIG)')
  })
})

describe('the end of a command', () => {
  it('comes with its time, for all that it started', async () => {
    const result = await shell('sleep 300 & echo $! > t1; sleep 300 & echo $! > t2; echo before; wait', {
      timeoutMs: 3_000,
    })
    expect(result).toMatchObject({ endedBy: 'timeout', output: 'before\n' })
    for (const pid of await pids('t1', 't2')) await ended(pid)
    await forget('t1', 't2')
  })

  it('comes with an abort', async () => {
    const stop = new AbortController()
    const running = shell('echo $$ > a1; sleep 300 & echo $! > a2; wait', { signal: stop.signal })
    const started = await pids('a1', 'a2')
    stop.abort()
    expect(await running).toMatchObject({ endedBy: 'abort' })
    for (const pid of started) await ended(pid)
    await forget('a1', 'a2')
  })

  it('is not refused: what does not heed SIGTERM is killed', async () => {
    const stop = new AbortController()
    const script = `trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > k2; echo $$ > k1; while :; do sleep 1; done`
    const running = shell(script, { signal: stop.signal })
    const started = await pids('k1', 'k2')
    stop.abort()
    expect(await running).toMatchObject({ endedBy: 'abort', signal: 'SIGKILL' })
    for (const pid of started) await ended(pid)
    await forget('k1', 'k2')
  })

  it('is not waited for by what it left behind, and that is ended', async () => {
    const result = await shell('sleep 300 & echo $! > b1; echo done')
    expect(result).toMatchObject({ output: 'done\n', exitCode: 0, leftBehind: true, endedBy: undefined })
    const [pid = 0] = await pids('b1')
    await ended(pid)
    await forget('b1')
  })

  it('ends also what closed its output', async () => {
    expect(await shell('sleep 300 > /dev/null 2>&1 & echo $! > c1')).toMatchObject({ leftBehind: true })
    const [pid = 0] = await pids('c1')
    await ended(pid)
    await forget('c1')
  })

  it('does not hang on a process that left the group and holds the output', async () => {
    const result = await shell('setsid sleep 300 & echo $! > s1; echo done')
    expect(result).toMatchObject({ output: 'done\n', exitCode: 0 })
    const [pid = 0] = await pids('s1')
    if (isRunning(pid)) process.kill(pid)
    await forget('s1')
  })

  it('comes when this process exits', async () => {
    await using child = new Child('../agent/bash/exiting-child.ts', { args: [directory.path] })
    const started = await pids('e1', 'e2')
    child.send('exit')
    for (const pid of started) await ended(pid)
    await forget('e1', 'e2')
  })

  it('starts nothing once it is to stop', async () => {
    await expect(shell('echo $$ > never', { signal: AbortSignal.abort() })).rejects.toThrow()
    await expect(readFile(join(directory.path, 'never'))).rejects.toThrow('ENOENT')
  })
})

describe('output', () => {
  it('keeps beginning and end of much of it, and states the total', async () => {
    const { output, printed } = await shell(`echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last`)
    expect(printed).toBe(5_000_012)
    expect(output.length).toBeLessThan(MAX_OUTPUT + 100)
    expect(output).toMatch(/^first\nx+\n… \(\d+ of 5000012 characters are left out here\) …\nx+\nlast\n$/)
  })

  it('takes bounded memory from a command that never stops printing', async () => {
    const before = process.memoryUsage().rss
    const { printed, output } = await shell('yes "$(head -c 1000 /dev/zero | tr "\\0" y)"', { timeoutMs: 2_000 })
    expect(printed).toBeGreaterThan(1_000_000)
    expect(output.length).toBeLessThan(MAX_OUTPUT + 100)
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024)
  })

  it('is well-formed, whatever the bytes are and wherever they are split', async () => {
    await writeFile(join(directory.path, 'bytes'), Buffer.from([0x61, 0xff, 0xfe, 0x62, 0xc3]))
    expect((await shell('cat bytes')).output).toBe('a\ufffd\ufffdb\ufffd')
    const { output } = await shell(`for byte in 360 237 230 200 303 251; do printf "\\\\$byte"; sleep 0.02; done`)
    expect(output).toBe('😀é')
    expect((await shell('cat bytes bytes')).output.isWellFormed()).toBe(true)
  })

  it('cuts no character in half', async () => {
    const { output } = await shell(`printf a; for i in $(seq 1 2000); do printf '😀😀😀😀😀😀😀😀😀😀'; done`)
    expect(output.isWellFormed()).toBe(true)
    const [, left = 0, total = 0] = (/\((\d+) of (\d+) characters/.exec(output) ?? []).map(Number)
    expect(total).toBe(40_001)
    expect(output.replace(/\n….*…\n/, '').length).toBe(total - left)
  })
})

describe('the environment', () => {
  it('holds no settings and no secret that the configuration names', async () => {
    const full = {
      PATH: process.env.PATH,
      INFER_API_KEY: 'value-1',
      infer_x: 'value-2',
      TOKEN: 'value-3',
      OTHER: 'kept',
      HOME: '/home-of-nobody',
    }
    const own = bashEnvironment(full, new Set(['TOKEN', 'HOME', 'PATH', 'ABSENT']))
    const { output } = await shell('env', { env: own })
    expect(output).not.toMatch(/value-\d|INFER_|TOKEN/i)
    expect(output).toContain('OTHER=kept')
    expect(output).toContain('HOME=/home-of-nobody')
    expect(output).toContain('GIT_TERMINAL_PROMPT=0')
  })
})
