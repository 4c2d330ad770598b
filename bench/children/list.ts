import { received, tell } from '../child.ts'
import { timed } from '../measure.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'

/** Tells how long the first list of 20 takes in this process, in ms. */
const stores = await openPlace(await received<PlaceOptions[Durable]>())
tell(await timed(() => stores.conversations.list({ limit: 20, offset: 0 })))
await stores[Symbol.asyncDispose]()
