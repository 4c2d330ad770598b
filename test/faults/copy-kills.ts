import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { InferProcess } from '../e2e/infer-process.ts'
import { details, entries } from '../storage/conformance/samples.ts'
import { everythingOf, fillEveryDomain } from '../storage/transfer/sample-data.ts'
import { ensureBundle } from '../support/cli.ts'
import { makeCopySite } from '../support/copy-site.ts'
import { DURABLE, type Durable } from './durable.ts'

const CONVERSATIONS = 1_500
const LATEST_MS = 1_500

/**
 * `kill -9` of the real command at seeded moments, then the same command again: both sides must be equal, whatever was
 * under way. A moment is only where a kill falls; nothing is concluded from how far the copy has come.
 */
export function describeCopyKills(kills: number): void {
  const pairs: [Durable, Durable][] = [
    ['jsonl', 'sqlite'],
    ['sqlite', 'postgres'],
    ['postgres', 'redis'],
    ['redis', 'jsonl'],
  ]
  const each = Math.ceil(kills / DURABLE.length)
  test.each(pairs)(
    `a copy from %s to %s that is killed ${each} times is equal in the end`,
    { timeout: 60_000 + each * 20_000 },
    async (from, to) => {
      await ensureBundle()
      const random = seeded(from.length * 31 + to.length)
      await using site = await makeCopySite()
      const source = await site.open(from)
      await fillEveryDomain(source)
      await fillMany(source)
      const args = ['storage', 'copy', '--from', from, '--to', to, '--json']
      for (let n = 0; n < each; n++) {
        const copy = new InferProcess(args, { cwd: site.place.cwd, env: site.env })
        copy.endInput()
        await sleep(200 + random() * LATEST_MS)
        copy.signal('SIGKILL')
        await copy.end()
      }
      const last = await site.place.run(args)
      expect([last.code, JSON.parse(last.stdout)]).toMatchObject([0, { equal: true, problems: [] }])
      expect(await everythingOf(await site.open(to))).toEqual(await everythingOf(source))
      const verified = await site.place.run(['storage', 'verify', '--from', to, '--json'])
      expect(JSON.parse(verified.stdout)).toMatchObject({ damage: [] })
    },
  )
}

async function fillMany({ conversations }: Stores): Promise<void> {
  const all = Array.from({ length: CONVERSATIONS }, (_, n) => ({
    metadata: { ...details(), id: `many-${n}`, messageCount: 4 },
    entries: entries(4),
  }))
  for (let n = 0; n < all.length; n += 250) await conversations.createAll(all.slice(n, n + 250))
}

/** The same numbers from 0 to 1 in each run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
