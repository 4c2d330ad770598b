import type { AnyTool, Mode } from '#agent/tool.ts'
import { askUserQuestionTool } from './ask-user-question.ts'
import { bashTool } from './bash.ts'
import { deleteTool } from './delete.ts'
import { editTool } from './edit.ts'
import { grepTool } from './grep.ts'
import { readTool } from './read.ts'
import { requestPlanApprovalTool } from './request-plan-approval.ts'
import { scheduleTool } from './schedule.ts'
import { todoWriteTool } from './todo-write.ts'
import { treeTool } from './tree.ts'
import { webFetchTool } from './web-fetch.ts'
import { writeTool } from './write.ts'

/** Every tool, in the order in which the model is told of them. */
const TOOLS = {
  read: readTool,
  write: writeTool,
  edit: editTool,
  delete: deleteTool,
  grep: grepTool,
  tree: treeTool,
  bash: bashTool,
  todoWrite: todoWriteTool,
  webFetch: webFetchTool,
  askUserQuestion: askUserQuestionTool,
  requestPlanApproval: requestPlanApprovalTool,
  schedule: scheduleTool,
} as const

type ToolKey = keyof typeof TOOLS

/** What each tool needs; one that is left out is switched off. */
export type ToolDependencies = { readonly [K in ToolKey]?: Parameters<(typeof TOOLS)[K]>[0] }

/** In plan mode nothing is changed: only what looks, what asks, and the plan itself. */
const PLAN_TOOLS = new Set<string>(['read', 'grep', 'tree', 'todoWrite', 'askUserQuestion', 'requestPlanApproval'])

/**
 * The tools of a mode: all that are switched on but RequestPlanApproval, and in plan mode those that change nothing.
 * `descriptions` replace the built-in ones, by the name of the tool (`prompts.yaml`).
 */
export function createTools(
  mode: Mode,
  dependencies: ToolDependencies,
  descriptions: Readonly<Record<string, string>>,
): AnyTool[] {
  const offered = (key: string) => (mode === 'plan' ? PLAN_TOOLS.has(key) : key !== 'requestPlanApproval')
  return Object.entries(TOOLS).flatMap(([key, create]): AnyTool[] => {
    const needed = dependencies[key as ToolKey]
    if (needed === undefined || !offered(key)) return []
    const tool: AnyTool = create(needed as never)
    const description = Object.hasOwn(descriptions, tool.name) ? descriptions[tool.name] : undefined
    return [description === undefined || description === '' ? tool : { ...tool, description }]
  })
}
