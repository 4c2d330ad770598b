import * as z from 'zod/mini'
import { duration, flag, text } from './fields.ts'
import { inOrder, readLayers } from './layers.ts'
import type { Surroundings } from './paths.ts'
import { requireValid, stack } from './read-tree.ts'
import { complete } from './tree.ts'

/** `heartbeat.yaml` of the Go CLI; a job says the same. */
const heartbeatSchema = z.object({
  enabled: flag(false, 'Whether the agent is woken at an interval.'),
  interval: duration('1h', 'The interval.'),
  model: text('', 'Model; empty means agent.model.'),
  prompt: text('', 'What the agent is told.'),
})

const DEFAULT_PROMPT = 'Look for pending tasks and background work, and carry on with them.'

/** The `infer schedules create` line that does what an enabled heartbeat.yaml did; undefined when it is off or missing. */
export async function heartbeatCommand(surroundings: Surroundings): Promise<string | undefined> {
  const options = { schema: heartbeatSchema, prefix: 'heartbeat', ignored: ['initial_delay'], substitutes: true }
  const layers = await readLayers('heartbeat.yaml', options, surroundings)
  const merged = requireValid(inOrder(layers).reduce(stack))
  const { enabled, interval, model, prompt } = complete(heartbeatSchema, merged.tree) as z.output<
    typeof heartbeatSchema
  >
  if (!enabled) return undefined
  const words = ['--name', 'heartbeat', '--cron', `@every ${interval}`, '--prompt', prompt || DEFAULT_PROMPT]
  if (model !== '') words.push('--model', model)
  return `infer schedules create ${words.map(quoted).join(' ')}`
}

const quoted = (word: string) => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
