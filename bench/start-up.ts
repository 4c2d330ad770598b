import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../test/support/environment.ts'
import { type Figure, ratioRow } from './figure.ts'
import { install } from './installation.ts'
import { inTurn } from './measure.ts'
import { jsonlOptions, makeDirectory, openPlace } from './places.ts'

const LIMIT = 2.5
const ROUNDS = 21

/**
 * The whole process, from its start to its end with stdout in a pipe. The package is bundled from the sources as they
 * are and installed into a directory of its own; home, working directory and compile cache are private too. The
 * config.yaml is the one that `infer init` writes. Warm-up rounds fill the compile cache.
 */
export const startUp: Figure = {
  name: 'start-up',
  description: 'infer plans show in a pipe, with files and a config.yaml, against node -e 0',
  target: `at most ${LIMIT}x`,
  async run() {
    const directory = makeDirectory()
    const infer = await install(join(directory, 'package'))
    const home = join(directory, 'home')
    const work = join(directory, 'work')
    for (const made of [home, work]) mkdirSync(made)
    const env = cleanEnvironment({ HOME: home, XDG_CACHE_HOME: join(home, '.cache') })
    for (const name of ['XDG_CONFIG_HOME', 'NODE_COMPILE_CACHE']) delete env[name]
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: work, env, encoding: 'utf8' })
      if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
      return stdout
    }
    run(infer, 'init')
    const plan = await savePlan(home, work)
    if (!run(infer, 'plans', 'show', plan).includes('Step 20')) throw new Error('the plan was not shown')
    const { ours, yardstick } = await inTurn(ROUNDS, {
      ours: () => run(infer, 'plans', 'show', plan),
      yardstick: () => run('-e', '0'),
    })
    return [ratioRow({ what: 'plans show', backend: 'jsonl', ours, yardstick }, LIMIT)]
  },
}

async function savePlan(home: string, work: string): Promise<string> {
  await using stores = await openPlace(jsonlOptions(work, home))
  const body = Array.from({ length: 20 }, (_, step) => `## Step ${step + 1}\n\nRead, change, and test it.\n`).join('\n')
  return (await stores.plans.save({ title: 'Mend the parser', body })).id
}
