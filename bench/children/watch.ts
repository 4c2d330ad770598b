import { received, tell } from '../child.ts'
import { sharedClock } from '../measure.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'

/** `synced` once all was told that stood before; then the prompt of each saved job and when it was told. */
export type Seen = 'synced' | { prompt: string; at: number }

/** Watches the jobs until the parent disconnects. */
const stores = await openPlace(await received<PlaceOptions[Durable]>())
const end = new AbortController()
process.once('disconnect', () => end.abort())
for await (const change of stores.scheduledJobs.watch({ signal: end.signal })) {
  const at = sharedClock()
  if (change.type === 'saved') tell({ prompt: change.job.prompt, at } satisfies Seen)
  if (change.type === 'synced') tell('synced' satisfies Seen)
}
await stores[Symbol.asyncDispose]()
