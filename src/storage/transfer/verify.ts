import { byDomain, type Damage, DOMAINS, type DomainName } from '#storage/contract/damage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { compareDomain, type Difference, hashDomain, isEqual, type Side } from './domain-hash.ts'

export interface VerifiedDomain {
  readonly domain: DomainName
  readonly from: Side
  /** Undefined when only one side was looked at. */
  readonly to: Side | undefined
  readonly differences: readonly Difference[]
}

export interface VerifyReport {
  /** Undefined when only one side was looked at. */
  readonly equal: boolean | undefined
  readonly domains: readonly VerifiedDomain[]
  readonly damage: readonly Damage[]
}

/** Counts and hashes what a store holds, and examines it for damage. Changes nothing in a store opened `readOnly`. */
export async function examineStores(stores: Stores, signal?: AbortSignal): Promise<VerifyReport> {
  const damage = await stores.examine()
  const extra = new Map<string, Damage>()
  // Where something was found by examining, that says it better than the error of a list.
  const examined = new Set(damage.map(({ domain }) => domain))
  const tell = (found: Damage) => {
    if (!examined.has(found.domain)) extra.set(`${found.domain} ${found.id}`, found)
  }
  const domains: VerifiedDomain[] = []
  for (const domain of DOMAINS) {
    domains.push({ domain, from: await hashDomain(domain, stores, tell, signal), to: undefined, differences: [] })
  }
  return { equal: undefined, domains, damage: [...damage, ...extra.values()].sort(byDomain) }
}

/** Compares two stores, record by record. What cannot be read on either side is damage, and no part of the hashes. */
export async function compareStores(from: Stores, to: Stores, signal?: AbortSignal): Promise<VerifyReport> {
  const damage = new Map<string, Damage>()
  const tell = (side: 'from' | 'to', found: Damage) => {
    const { type } = side === 'from' ? from : to
    damage.set(`${side} ${found.domain} ${found.id} ${found.problem}`, {
      ...found,
      problem: `${type}: ${found.problem}`,
    })
  }
  const domains: VerifiedDomain[] = []
  for (const domain of DOMAINS) domains.push(await compareDomain(domain, { from, to }, tell, signal))
  const equal = domains.every(({ from: a, to: b }) => b !== undefined && isEqual({ from: a, to: b }))
  return { equal, domains, damage: [...damage.values()].sort(byDomain) }
}
