import { received, tell } from '../child.ts'
import { timed } from '../measure.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'
import { details, entry } from '../samples.ts'

/** Conversations by pairs, with the length that each has at first; and how often the store is opened. */
export interface AppendInput {
  readonly options: PlaceOptions[Durable]
  readonly opens: number
  readonly pairs: readonly { long: Known; short: Known }[]
}
interface Known {
  readonly id: string
  readonly length: number
}

/** Times, in ms, of the first append to each conversation after each opening of the store. */
export interface AppendTimes {
  readonly long: number[]
  readonly short: number[]
}

const { options, opens, pairs } = await received<AppendInput>()
const times: AppendTimes = { long: [], short: [] }
for (let opened = 0; opened < opens; opened++) {
  await using stores = await openPlace(options)
  const append = async ({ id, length }: Known) => {
    await stores.conversations.append(id, {
      expectedLength: length,
      entries: [entry(length)],
      metadata: details(length),
    })
  }
  for (let length = 0; length < 3; length++) await append({ id: `other-${process.pid}-${opened}`, length })
  for (const [index, { long, short }] of pairs.entries()) {
    const both = [
      async () => times.long.push(await timed(() => append({ ...long, length: long.length + opened }))),
      async () => times.short.push(await timed(() => append({ ...short, length: short.length + opened }))),
    ]
    for (const one of (index + opened) % 2 === 0 ? both : both.reverse()) await one()
  }
}
tell(times)
