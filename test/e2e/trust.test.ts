import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CliPlace, cliEnvironment, cliPlace, ensureBundle, INFER } from '../support/cli.ts'
import { Terminal } from '../support/tmux.ts'

/** A cloned repository that brings a gateway of its own. */
let place: CliPlace
beforeEach(async () => {
  place = cliPlace({ INFER_GATEWAY_MOCK: 'true' })
  mkdirSync(join(place.cwd, '.infer'))
  writeFileSync(join(place.cwd, '.infer/config.yaml'), 'gateway:\n  url: http://elsewhere:1\n')
  await ensureBundle()
})
afterEach(() => place[Symbol.dispose]())

function chat(): Terminal {
  const env = cliEnvironment(place.home, { INFER_GATEWAY_MOCK: 'true' })
  return new Terminal([process.execPath, INFER, 'chat'], { cwd: place.cwd, env })
}

it('chat asks once for the settings of a project, and remembers the answer', async () => {
  {
    using terminal = chat()
    expect(await terminal.shows('[y/N]')).toContain('gateway.url')
    terminal.type('y')
    terminal.press('Enter')
    await terminal.shows('mock/model')
    terminal.press('C-d')
    await terminal.shows('[exit 0]')
  }
  using terminal = chat()
  expect(await terminal.shows('mock/model')).not.toContain('[y/N]')
  expect((await place.run(['history', 'list'])).stderr).toBe('')
})

it('refused, nothing begins, and the next chat asks again', async () => {
  for (let time = 1; time <= 2; time++) {
    using terminal = chat()
    await terminal.shows('[y/N]')
    terminal.press('Enter')
    await terminal.shows('[exit 2]')
  }
})

it('other commands name the file and the keys, and INFER_REQUIRE_TRUST refuses them', async () => {
  const warned = await place.run(['history', 'list'])
  expect(warned.code).toBe(0)
  expect(warned.stderr).toContain(join(place.cwd, '.infer/config.yaml'))
  expect(warned.stderr).toContain('gateway.url')
  const refused = await place.run(['history', 'list'], { env: { INFER_REQUIRE_TRUST: 'true' } })
  expect(refused.code).toBe(2)
})
