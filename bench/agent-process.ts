import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../test/support/environment.ts'
import { type Figure, ratioRow } from './figure.ts'
import { install } from './installation.ts'
import { inTurn } from './measure.ts'
import { makeDirectory } from './places.ts'

const LIMIT = 5
const ROUNDS = 15

/**
 * The whole process of one task with one answer: start, settings, store, the scripted gateway inside, a stored
 * conversation with the title that a model finds for it, end. As in `start-up` the package is bundled from the sources
 * as they are, everything is private to the run, and warm-up rounds fill the compile cache.
 */
export const agentProcess: Figure = {
  name: 'agent-process',
  description: 'infer agent "say hello" with the scripted gateway, against node -e 0',
  target: `at most ${LIMIT}x`,
  async run() {
    const directory = makeDirectory()
    const infer = await install(join(directory, 'package'))
    const [home, work] = [join(directory, 'home'), join(directory, 'work')]
    for (const made of [home, work]) mkdirSync(made)
    const env = cleanEnvironment({ HOME: home, XDG_CACHE_HOME: join(home, '.cache'), INFER_GATEWAY_MOCK: 'true' })
    for (const name of ['XDG_CONFIG_HOME', 'NODE_COMPILE_CACHE']) delete env[name]
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: work, env, encoding: 'utf8' })
      if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
      return stdout
    }
    run(infer, 'init')
    if (!run(infer, 'agent', 'say hello').includes('Hello! How can I help?')) throw new Error('there was no answer')
    const { ours, yardstick } = await inTurn(ROUNDS, {
      ours: () => run(infer, 'agent', 'say hello'),
      yardstick: () => run('-e', '0'),
    })
    return [ratioRow({ what: 'one turn', backend: 'jsonl', ours, yardstick }, LIMIT)]
  },
}
