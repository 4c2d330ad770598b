import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { cleanEnvironment } from '../test/support/environment.ts'
import { type Figure, ratioRow, timeRow } from './figure.ts'
import { install } from './installation.ts'
import { inTurn, quantile } from './measure.ts'
import { makeDirectory } from './places.ts'

const ROOT = join(import.meta.dirname, '..')
const KEY_MS = 16
const FRAME_LIMIT = 7
const GROWTH = 1.2
const ROUNDS = 11

/** Ink asks for a package that is not there, and does without it. */
const WITHOUT_DEVTOOLS = {
  name: 'without-devtools',
  resolveId: (id: string) => (id === 'react-devtools-core' ? '\0devtools' : null),
  load: (id: string) => (id === '\0devtools' ? 'export default {}' : null),
}

/** The chat on a terminal that keeps nothing, in a process of its own: the real screen, the model played. */
export const chatScreen: Figure = {
  name: 'chat-screen',
  description: 'chat: a key to the screen while 200 fragments a second stream in below 2,000 lines; 1,000 turns',
  target: `p95 at most ${KEY_MS} ms; heap at most ${GROWTH}x of turn 100`,
  async run() {
    const directory = makeDirectory()
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
    const build = await rolldown({
      input: join(import.meta.dirname, 'children/chat-screen.ts'),
      cwd: ROOT,
      platform: 'node',
      plugins: [WITHOUT_DEVTOOLS],
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
      onLog() {},
    })
    const file = join(directory, 'chat-screen.mjs')
    await build.write({ file, format: 'esm', codeSplitting: false })
    await build.close()
    const env = cleanEnvironment({ NODE_ENV: 'production', TERM: 'xterm-256color' })
    const measure = (what: string): number[] =>
      JSON.parse(execFileSync(process.execPath, ['--expose-gc', file, what], { env, encoding: 'utf8' }))
    const times = measure('keys')
    const [early = 0, late = 0] = measure('turns')
    const note = `median ${quantile(times, 0.5).toFixed(1)} ms, 300 keys`
    const mib = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10
    return [
      timeRow({ what: 'key, p95', backend: 'memory', ours: quantile(times, 0.95), note }, KEY_MS),
      {
        what: 'heap, turn 1000',
        backend: 'memory',
        unit: 'MiB',
        ours: mib(late),
        yardstick: mib(early),
        target: `<= ${GROWTH}x`,
        ok: late / early <= GROWTH,
      },
    ]
  },
}

/** From the start of the process to the prompt on a pseudo terminal, which `script` of util-linux makes. */
export const chatStart: Figure = {
  name: 'chat-start',
  description: 'infer chat: first frame in a terminal, against node -e 0',
  target: `at most ${FRAME_LIMIT}x`,
  async run() {
    const directory = makeDirectory()
    const infer = await install(join(directory, 'package'))
    const [home, work] = [join(directory, 'home'), join(directory, 'work')]
    for (const made of [home, work]) mkdirSync(made)
    const env = cleanEnvironment({ HOME: home, TERM: 'xterm-256color', INFER_GATEWAY_MOCK: 'true' })
    for (const name of ['XDG_CONFIG_HOME', 'NODE_COMPILE_CACHE']) delete env[name]
    const { ours, yardstick } = await inTurn(ROUNDS, {
      ours: () => firstFrame(`${process.execPath} ${infer} chat`, { cwd: work, env }),
      yardstick: () => spawnSync(process.execPath, ['-e', '0'], { cwd: work, env }),
    })
    return [ratioRow({ what: 'chat, first frame', backend: 'jsonl', ours, yardstick }, FRAME_LIMIT)]
  },
}

async function firstFrame(command: string, options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  const child = spawn('script', ['-qfc', `stty cols 80 rows 24; exec ${command}`, '/dev/null'], {
    ...options,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the chat ended: ${said}`)))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('/help')) resolve()
    })
  })
  child.removeAllListeners('exit')
  child.kill('SIGKILL')
}
