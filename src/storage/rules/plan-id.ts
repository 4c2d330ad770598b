const MAX_SLUG = 60

/** Lower-case title with runs of other than a-z and 0-9 as one `-`, at most 60 characters; `plan` if nothing is left. */
export function planSlug(title: string): string {
  const slug = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG)
    .replaceAll(/^-|-$/g, '')
  return slug === '' ? 'plan' : slug
}

/** `YYYY-MM-DD-HHMMSS` in UTC. */
export function planStamp(createdAt: Date): string {
  const iso = createdAt.toISOString()
  return `${iso.slice(0, 10)}-${iso.slice(11, 19).replaceAll(':', '')}`
}

/** The ids to try for a new plan, in order: the first that is free wins. */
export function* planIds(title: string, createdAt: Date): Generator<string> {
  const base = `${planStamp(createdAt)}-${planSlug(title)}`
  yield base
  for (let n = 1; ; n++) yield `${base}-${n}`
}

/** Time and slug that an id carries; undefined for a name that is no plan id. */
export function parsePlanId(id: string): { createdAt: Date; slug: string } | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)-(\d\d)(\d\d)(\d\d)-(.+)$/.exec(id)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, slug = ''] = match
  const createdAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(createdAt.getTime()) ? undefined : { createdAt, slug }
}

export function byNewestPlan(a: { createdAt: Date; id: string }, b: { createdAt: Date; id: string }): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1)
}
