import { Child } from './child.ts'
import type { Figure } from './figure.ts'
import { makePlace } from './places.ts'

const TURNS = 1_000
const LIMIT = 1.5

/**
 * The heap after a forced collection, in a process of its own that runs one session with a tool call in every turn and
 * compaction near the end of a context of 32,000 tokens: the median over the last 100 turns against that over the
 * turns 50 to 150, when everything is loaded and the context was full for the first time.
 */
export const longSession: Figure = {
  name: 'long-session',
  description: `memory of a session of ${TURNS.toLocaleString('en')} turns with compaction, at the end against turn 100`,
  target: `at most ${LIMIT}x`,
  async run() {
    await using place = await makePlace('jsonl')
    await using child = new Child('long-session', { options: place.options, turns: TURNS })
    const { early, late, compactions } = await child.next<{ early: number; late: number; compactions: number }>()
    if (compactions === 0) throw new Error('nothing was compacted')
    const row = { what: `turn ${TURNS}`, backend: 'jsonl' as const, unit: 'MiB' as const, target: `<= ${LIMIT}x` }
    const [ours, yardstick] = [round(late), round(early)]
    return [{ ...row, ours, yardstick, ok: late / early <= LIMIT, note: `${compactions} compactions` }]
  },
}

function round(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10
}
