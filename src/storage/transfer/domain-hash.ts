import { createHash, type Hash } from 'node:crypto'
import type { Damage, DomainName } from '#storage/contract/damage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { Tell } from './attempt.ts'
import { type DomainRecord, recordsOf } from './domain-records.ts'

/** What one side holds of a domain. */
export interface Side {
  readonly count: number
  /** Of all records in their canonical form, by id. */
  readonly sha256: string
}

/** A record that is not the same on both sides. */
export interface Difference {
  readonly id: string
  readonly where: 'differs' | 'only in from' | 'only in to'
}

export interface DomainComparison {
  readonly domain: DomainName
  readonly from: Side
  readonly to: Side
  /** Records of `from` that `to` lacks, or has otherwise. */
  readonly missing: number
  /** The first 20. */
  readonly differences: readonly Difference[]
}

const MAX_DIFFERENCES = 20

/** Reads a domain once, record by record. Throws the reason of the signal. */
export async function hashDomain(domain: DomainName, stores: Stores, tell: Tell, signal?: AbortSignal): Promise<Side> {
  const side = new Digest()
  for await (const record of recordsOf(domain, stores, tell)) {
    signal?.throwIfAborted()
    side.add(record)
  }
  return side.result()
}

/** Reads a domain of both sides once, side by side. Throws the reason of the signal. */
export async function compareDomain(
  domain: DomainName,
  stores: { from: Stores; to: Stores },
  tell: (side: 'from' | 'to', damage: Damage) => void,
  signal?: AbortSignal,
): Promise<DomainComparison> {
  const [left, right] = [new Digest(), new Digest()]
  const from = recordsOf(domain, stores.from, (damage) => tell('from', damage))
  const to = recordsOf(domain, stores.to, (damage) => tell('to', damage))
  const differences: Difference[] = []
  let missing = 0
  const differ = (id: string, where: Difference['where']) => {
    if (where !== 'only in to') missing += 1
    if (differences.length < MAX_DIFFERENCES) differences.push({ id, where })
  }
  try {
    let [a, b] = await Promise.all([from.next(), to.next()])
    while (!a.done || !b.done) {
      signal?.throwIfAborted()
      const order = a.done ? 1 : b.done ? -1 : compareKeys(a.value, b.value)
      if (order === 0 && a.value?.text !== b.value?.text) differ(a.value?.id ?? '', 'differs')
      if (order < 0) differ(a.value?.id ?? '', 'only in from')
      if (order > 0) differ(b.value?.id ?? '', 'only in to')
      if (order <= 0 && !a.done) left.add(a.value)
      if (order >= 0 && !b.done) right.add(b.value)
      const next = await Promise.all([order <= 0 ? from.next() : a, order >= 0 ? to.next() : b])
      ;[a, b] = next
    }
  } finally {
    await Promise.all([from.return(), to.return()])
  }
  return { domain, from: left.result(), to: right.result(), missing, differences }
}

export function isEqual({ from, to }: Pick<DomainComparison, 'from' | 'to'>): boolean {
  return from.count === to.count && from.sha256 === to.sha256
}

function compareKeys(a: DomainRecord, b: DomainRecord): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

class Digest {
  readonly #hash: Hash = createHash('sha256')
  #count = 0

  add({ key, text }: DomainRecord): void {
    this.#count += 1
    // Lengths keep the parts apart whatever they hold.
    this.#hash.update(`${key.length} ${text.length}\n${key}${text}`)
  }

  result(): Side {
    return { count: this.#count, sha256: this.#hash.digest('hex') }
  }
}
