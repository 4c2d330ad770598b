import { readFile, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApprovalRules, authoriseBy } from '#agent/approval.ts'
import type { Mode } from '#agent/tool.ts'
import { carryOut, toolMessage } from '#agent/tool-call.ts'
import { type BashDependencies, bashTool } from '#agent/tools/bash.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { cleanEnvironment } from '../../support/environment.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>

beforeAll(async () => {
  directory = await newDirectory()
  await writeFile(join(directory.path, 'a.txt'), 'hello\n')
})
afterAll(() => directory[Symbol.asyncDispose]())

const LISTED = ['echo( .*)?', 'ls( .*)?', 'cat( .*)?', 'printenv( .*)?']

function bash(mode: Mode, changed: Partial<BashDependencies> = {}) {
  return bashTool({
    mode,
    allow: LISTED,
    sandbox: new Sandbox({ cwd: directory.path, directories: ['.'], protectedPaths: ['*.env'] }),
    timeoutMs: 60_000,
    cwd: directory.path,
    env: { ...cleanEnvironment(), INFER_X: 'not-to-be-told', TOKEN: 'not-to-be-told' },
    hiddenVariables: new Set(['TOKEN']),
    attended: true,
    ...changed,
  })
}

type Asked = { approved: boolean; before?: () => Promise<void> } | undefined

/** What becomes of a call from end to end, and what a person was shown. */
async function call(
  args: object,
  { mode = 'standard', asked, ...changed }: { mode?: Mode; asked?: Asked } & Partial<BashDependencies> = {},
  signal = new AbortController().signal,
) {
  const shown: (string | undefined)[] = []
  const rules: ApprovalRules = {
    mode,
    behaviour: 'prompt',
    ...(asked && {
      user: async ({ description }) => {
        shown.push(description)
        await asked.before?.()
        return { approved: asked.approved }
      },
    }),
  }
  const tool = bash(mode, { attended: asked !== undefined, ...changed })
  const outcome = await carryOut(
    { id: 'c', type: 'function', function: { name: 'Bash', arguments: JSON.stringify(args) } },
    { tools: new Map([['Bash', tool]]), authorise: authoriseBy(rules), beforeCall: async () => undefined, signal },
  )
  return { outcome, shown, message: toolMessage('Bash', outcome) }
}

const YES = { approved: true }
const NO = { approved: false }

describe('Bash in mode standard', () => {
  it('runs what is on the list and asks nobody', async () => {
    const { outcome, shown } = await call({ command: 'echo hello-from-bash' }, { asked: NO })
    expect(outcome).toMatchObject({
      kind: 'result',
      data: {
        command: 'echo hello-from-bash',
        output: 'hello-from-bash\n',
        exit_code: 0,
        duration: expect.stringMatching(/^\d+\.\d{3}m?s$/),
      },
    })
    expect(shown).toEqual([])
  })

  it('asks about anything else, shows all of it and why, and runs it in a shell once approved', async () => {
    const command = `cat a.txt | tr a-z A-Z; echo ${'x'.repeat(500)} > written.txt`
    const { outcome, shown } = await call({ command }, { asked: YES })
    expect(outcome).toMatchObject({ kind: 'result', data: { output: 'HELLO\n', exit_code: 0 } })
    expect(shown[0]).toContain('tools.bash.mode.standard.allow: it has a pipe or chain (|)')
    expect(shown[0]).toContain(command)
    expect(await readFile(join(directory.path, 'written.txt'), 'utf8')).toMatch(/^x+\n$/)
  })

  it('runs nothing that was refused', async () => {
    const { outcome } = await call({ command: 'touch refused.txt' }, { asked: NO })
    expect(outcome).toMatchObject({ kind: 'rejected' })
    await expect(readFile(join(directory.path, 'refused.txt'))).rejects.toThrow('ENOENT')
  })

  it('is blocked with nobody to ask, with the mode and the key that would allow it', async () => {
    const unlisted = await call({ command: 'curl http://127.0.0.1:9/' })
    expect(unlisted.message).toBe(
      'Blocked: the command is not run from tools.bash.mode.standard.allow: no pattern matches it; others need approval ' +
        'and nobody can be asked here. To allow it, run with --mode auto or add a pattern for the whole command to ' +
        'tools.bash.mode.standard.allow.',
    )
    const unsafe = await call({ command: 'ls | cat' })
    expect(unsafe.message).toContain('it has a pipe or chain (|)')
    expect(unsafe.message).toContain('set tools.bash.mode.standard.allow to [".*"]')
  })

  it('does not run in a shell what was on the list when nobody was asked and no longer is', async () => {
    const link = join(directory.path, 'turning')
    await symlink('a.txt', link)
    const tool = bash('standard')
    const args = tool.parse({ command: 'cat turning' })
    expect(await tool.needsApproval(args)).toBe(false)
    await unlink(link)
    await symlink('/etc/passwd', link)
    const context = {
      signal: new AbortController().signal,
      call: { id: 'c', type: 'function' as const, function: { name: 'Bash', arguments: '' } },
    }
    await expect(tool.run(args, context)).rejects.toThrow('the command is not run: turning is outside')
    await expect(tool.run(tool.parse({ command: 'id | cat' }), context)).rejects.toThrow('the command is not run')
  })
})

describe('Bash in mode auto', () => {
  it('runs everything where the list holds .*, outside the sandbox too', async () => {
    const { outcome } = await call({ command: 'cd / && echo $PWD | cat' }, { mode: 'auto', allow: [...LISTED, '.*'] })
    expect(outcome).toMatchObject({ kind: 'result', data: { output: '/\n' } })
  })

  it('blocks what is not on the list, whoever is there, and names the key', async () => {
    const { message, shown } = await call({ command: 'id' }, { mode: 'auto', asked: YES })
    expect(message).toBe(
      'Blocked: the command is not run from tools.bash.mode.auto.allow: no pattern matches it. To allow it, add a ' +
        'pattern for the whole command to tools.bash.mode.auto.allow.',
    )
    expect(shown).toEqual([])
    expect((await call({ command: 'echo listed' }, { mode: 'auto' })).outcome).toMatchObject({ kind: 'result' })
  })
})

describe('a command of the agent', () => {
  const everything = { mode: 'auto', allow: ['.*'] } as const

  it('sees no settings and no secrets', async () => {
    expect((await call({ command: 'env' }, everything)).message).not.toMatch(/not-to-be-told|^INFER_X/m)
    expect((await call({ command: 'printenv INFER_X' })).outcome).toMatchObject({
      data: { output: '', exit_code: 1 },
    })
  })

  it('that fails is a result that says so', async () => {
    expect((await call({ command: 'cat no-such-file' })).outcome).toMatchObject({
      kind: 'result',
      data: { exit_code: 1, output: expect.stringContaining('no-such-file') },
    })
    expect((await call({ command: 'kill -TERM $$' }, everything)).outcome).toMatchObject({
      data: { exit_code: null, signal: 'SIGTERM' },
    })
  })

  it('is ended after its own time or the configured one, whichever is shorter', async () => {
    const own = await call({ command: 'sleep 300', timeout: 0.3 }, everything)
    expect(own.outcome).toMatchObject({ kind: 'result', data: { timed_out: true, signal: 'SIGTERM' } })
    const configured = await call({ command: 'sleep 300', timeout: 120_000 }, { ...everything, timeoutMs: 300 })
    expect(configured.outcome).toMatchObject({ data: { timed_out: true } })
  })

  it('is a failure when the run is stopped', async () => {
    const stop = new AbortController()
    const running = call({ command: 'sleep 300' }, everything, stop.signal)
    setImmediate(() => stop.abort())
    expect((await running).outcome).toMatchObject({ kind: 'failed', error: 'the run was stopped before it ended' })
  })

  it('states how much it printed when not all of it is shown', async () => {
    const { outcome } = await call({ command: `head -c 100000 /dev/zero | tr '\\0' x` }, everything)
    expect(outcome).toMatchObject({ data: { output_characters: 100_000 } })
  })

  it('takes a description and null for what is left out, and needs a command', async () => {
    const { outcome } = await call({ command: 'echo a', timeout: null, description: 'Says a' })
    expect(outcome).toMatchObject({ data: { output: 'a\n' } })
    expect((await call({})).outcome).toMatchObject({
      kind: 'failed',
      error: expect.stringContaining('command is missing'),
    })
  })
})
