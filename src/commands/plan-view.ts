import type { Plan } from '#storage/contract/plans.ts'

const URI = 'infer://plans/'

/** The id, or the beginning of one, that an argument means: `infer://plans/<id>` says the same as the id. */
export const planId = (argument: string): string => (argument.startsWith(URI) ? argument.slice(URI.length) : argument)

/** A plan as `--json` lists it. */
export function planView(plan: Plan) {
  return {
    id: plan.id,
    title: plan.title,
    slug: plan.slug,
    created_at: plan.createdAt.toISOString(),
    uri: `${URI}${plan.id}`,
  }
}
