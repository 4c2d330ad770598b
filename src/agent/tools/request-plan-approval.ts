import * as z from 'zod/mini'
import type { Approver } from '#agent/approval.ts'
import { cleanText } from '#agent/clean-text.ts'
import type { Tool } from '#agent/tool.ts'
import type { PlanStorage } from '#storage/contract/plans.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { planUri } from './plan-uri.ts'

const schema = z.object({
  title: z.string().check(z.minLength(1), z.describe('One line that says what the plan achieves.')),
  plan: z.string().check(z.minLength(1), z.describe('The whole plan as markdown, without the title.')),
})

type Arguments = z.output<typeof schema>

export interface RequestPlanApprovalDependencies {
  readonly plans: Pick<PlanStorage, 'save'>
  /** Who accepts plans; without anybody a stored plan ends the run. */
  readonly approver: Approver | undefined
  /** Where a plan is on disk, for backends that keep files. */
  readonly planFile?: ((id: string) => string) | undefined
}

/** Lines of the plan that a preview shows. */
const PREVIEW_LINES = 8

/** Stores a plan and, when somebody is there, asks whether it is accepted. */
export function requestPlanApprovalTool(dependencies: RequestPlanApprovalDependencies): Tool<Arguments> {
  const { plans, approver, planFile } = dependencies
  return {
    name: 'RequestPlanApproval',
    description:
      'Stores the finished plan and presents it to the user for approval. Call it once, as the last step in plan ' +
      'mode, with the complete plan in markdown.',
    parameters: parametersOf(schema),
    parse: (args) => parseWith(schema, args),
    needsApproval: () => false,
    run: async ({ title, plan }, { call, signal }) => {
      const line = cleanText(title).replaceAll(/\s+/g, ' ').trim()
      const saved = await plans.save({ title: line === '' ? 'Plan' : line, body: cleanText(plan) })
      const uri = planUri(saved.id)
      const preview = previewOf(saved.title, saved.body)
      const data = {
        uri,
        id: saved.id,
        title: saved.title,
        preview,
        ...(planFile === undefined ? {} : { file_path: planFile(saved.id) }),
      }
      if (approver === undefined) return { data: { ...data, approved: false }, endsRun: `${uri}\n\n${preview}` }
      const { approved, feedback } = await approver({ call, description: `Plan ${uri}` }, signal)
      if (approved) return { data: { ...data, approved }, endsRun: `${uri}\n\n${preview}` }
      return { data, rejected: feedback === undefined ? {} : { feedback } }
    },
  }
}

function previewOf(title: string, body: string): string {
  const lines = body.trim().split('\n')
  const more = lines.length > PREVIEW_LINES ? [`… (${lines.length} lines)`] : []
  return [`# ${title}`, '', ...lines.slice(0, PREVIEW_LINES), ...more].join('\n')
}
