/** What a store consists of, as reports name it; in the order in which a copy writes it. */
export const DOMAINS = [
  'conversations',
  'session_groups',
  'job_states',
  'job_runs',
  'scheduled_jobs',
  'plans',
  'shell_history',
  'coordination',
  'imports',
] as const
export type DomainName = (typeof DOMAINS)[number]

/** Something stored that is not as it should be. Nothing repairs it by itself. */
export interface Damage {
  /** `schema` stands for the store as a whole. */
  readonly domain: DomainName | 'schema'
  /** Id or key of the record, or the path of a file that is none. */
  readonly id: string
  /** What is wrong, without a full stop. */
  readonly problem: string
  /** What a person can do about it, without a full stop. */
  readonly cure: string
}

/** By domain in the order of DOMAINS, then by id. */
export function byDomain(a: Damage, b: Damage): number {
  const place = ({ domain }: Damage) => (domain === 'schema' ? -1 : DOMAINS.indexOf(domain))
  return place(a) - place(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
