import { randomUUID } from 'node:crypto'
import { received, tell } from '../child.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'

export interface Fire {
  readonly jobId: string
  readonly revision: string
  /** ms since the epoch. */
  readonly at: number
}
export interface ClaimInput {
  readonly options: PlaceOptions[Durable]
  readonly owner: string
  readonly fires: readonly Fire[]
}

/** Says `ready`, waits for the start, tries to claim every fire in the given order, and tells which it got. */
const { options, owner, fires } = await received<ClaimInput>()
const stores = await openPlace(options)
await stores.jobRuns.now()
tell('ready')
await received()
const claimed: Fire[] = []
for (const fire of fires) {
  const { jobId, revision, at } = fire
  const claimant = { owner, host: 'bench', token: randomUUID() }
  const request = { ...claimant, jobId, revision, scheduledFor: new Date(at), trigger: 'schedule' as const }
  if ((await stores.jobRuns.claim(request)).claimed) claimed.push(fire)
}
tell(claimed)
await stores[Symbol.asyncDispose]()
