import type { Plan } from '#storage/contract/plans.ts'

/** A plan as `--json` lists it. */
export function planView(plan: Plan) {
  return {
    id: plan.id,
    title: plan.title,
    slug: plan.slug,
    created_at: plan.createdAt.toISOString(),
    uri: `infer://plans/${plan.id}`,
  }
}
