import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { cliEnvironment, INFER } from '../support/cli.ts'
import { makeSite, type Site, saveJob } from '../support/daemon.ts'
import { Terminal } from '../support/tmux.ts'
import { waitFor } from '../support/wait-for.ts'

const TEST_MS = 120_000
const PATIENCE_MS = 60_000
const SCENARIOS = `scenarios:
  - name: long
    match: '^work long'
    turns: [{ content: "${'x'.repeat(900)}", chunk_size: 1, delay_ms: 200 }]
`

function inTerminal({ place, env }: Site, args: readonly string[], more: NodeJS.ProcessEnv = {}): Terminal {
  const command = [process.execPath, INFER, ...args]
  return new Terminal(command, { cwd: place.cwd, env: cliEnvironment(place.home, { ...env, ...more }) })
}

it(
  'a daemon whose terminal is closed takes its leave',
  async () => {
    await using site = await makeSite('sqlite')
    const { coordination } = site.stores
    using terminal = inTerminal(site, ['channels-manager'])
    await waitFor('the daemon', async () => (await coordination.daemons()).length === 1, PATIENCE_MS)
    terminal.close()
    await waitFor('its leave', async () => (await coordination.daemons()).length === 0, PATIENCE_MS)
  },
  TEST_MS,
)

it(
  'a run by hand whose terminal is closed is interrupted, and keeps no other away',
  async () => {
    await using site = await makeSite('sqlite')
    await saveJob(site, { id: 'slow', prompt: 'work long' })
    const scenarios = join(site.place.cwd, 'scenarios.yaml')
    writeFileSync(scenarios, SCENARIOS)
    using terminal = inTerminal(site, ['schedules', 'run', 'slow'], { INFER_GATEWAY_MOCK_SCENARIOS: scenarios })
    const state = async () => (await site.runs('slow')).at(-1)?.state
    await waitFor('the run', async () => (await state()) === 'running', PATIENCE_MS)
    terminal.close()
    await waitFor('its end', async () => (await state()) !== 'running', PATIENCE_MS)
    expect(await state()).toBe('interrupted')
  },
  TEST_MS,
)
