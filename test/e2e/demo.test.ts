import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureBundle } from '../support/cli.ts'
import { cleanEnvironment } from '../support/environment.ts'
import { waitFor } from '../support/wait-for.ts'

const DEMO = join(import.meta.dirname, '../../scripts/demo.ts')

let temporary: string
beforeEach(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'infer-demo-test-'))
  // PostgreSQL runs as a user of its own.
  chmodSync(temporary, 0o755)
  await ensureBundle()
})
afterEach(() => rmSync(temporary, { recursive: true, force: true }))

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: cleanEnvironment({ TMPDIR: temporary, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  return { child, said, closed: once(child, 'close') }
}

const alive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

describe('npm run demo', () => {
  it.each(['jsonl', 'sqlite', 'postgres', 'redis'])('shows a job that each fire runs once, on %s', async (backend) => {
    const { child, said, closed } = start(['--backend', backend])
    await closed
    expect(said.stdout, said.stderr).toMatch(/^\d+ fires, \d+ runs by \d+ agents, 0 duplicates, 0 missing$/m)
    expect(said.stdout).toContain('# the next release\n\n## Goal\n')
    expect(said.stdout.match(/Z {2}[AB] {2}succeeded/g)?.length).toBeGreaterThanOrEqual(5)
    expect(said.stdout).not.toContain('\x1b')
    expect(said.stdout).toContain('npx infer agent "say hello"')
    expect(child.exitCode).toBe(0)
    expect(readdirSync(temporary)).toEqual([])
  })

  it('removes its directory and ends its daemons at Ctrl-C', async () => {
    const { child, said, closed } = start([])
    await waitFor('the first run', () => said.stdout.includes('succeeded') || !alive(child), 30_000)
    child.kill('SIGINT')
    await closed
    expect(child.exitCode, said.stderr).toBe(130)
    expect(said.stderr).toBe('')
    expect(readdirSync(temporary)).toEqual([])
  })

  it('says what to install where a server is missing', async () => {
    const { child, said, closed } = start(['--backend', 'redis'], { PATH: temporary })
    await closed
    expect(said.stderr).toMatch(/^demo: redis-server is not on this machine: install Redis .*\n$/)
    expect(child.exitCode).toBe(1)
    expect(readdirSync(temporary)).toEqual([])
  })

  it('refuses a backend that it does not know', async () => {
    const { child, said, closed } = start(['--backend', 'memory'])
    await closed
    expect(said.stderr).toBe('demo: --backend "memory" is none of jsonl, sqlite, postgres, redis\n')
    expect(child.exitCode).toBe(1)
  })
})
