import * as z from 'zod/mini'
import { textOf } from '#agent/text-file.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import type { PlanStorage } from '#storage/contract/plans.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { numberedLines } from './numbered-lines.ts'
import { planIdOf } from './plan-uri.ts'
import type { Sandbox } from './sandbox.ts'

const schema = z.object({
  file_path: z.string().check(z.minLength(1), z.describe('File to read, or infer://plans/<id> for a stored plan.')),
  offset: z.optional(z.int().check(z.gte(1), z.describe('First line to read, from 1. Default: 1.'))),
  limit: z.optional(z.int().check(z.gte(1), z.describe('How many lines to read. Default: 2000.'))),
})

type Arguments = z.output<typeof schema>

export interface ReadDependencies {
  readonly sandbox: Sandbox
  readonly plans: Pick<PlanStorage, 'load'>
  readonly requireApproval: boolean
}

const DEFAULT_LIMIT = 2_000
/** Characters of one result. */
const MAX_CONTENT = 200_000
/** Larger files are refused: they are read whole to count their lines. */
const MAX_FILE = 20 * 1024 * 1024

/** Reads a range of lines of a text file inside the sandbox, or of a stored plan. */
export function readTool({ sandbox, plans, requireApproval }: ReadDependencies): Tool<Arguments> {
  async function contentOf(path: string): Promise<string> {
    const plan = planIdOf(path)
    if (plan === undefined) {
      await using file = await sandbox.open(path)
      return await textOf(file, path, MAX_FILE)
    }
    const { title, body } = await plans.load(plan)
    return `# ${title}\n\n${body}`
  }
  return {
    name: 'Read',
    description:
      'Reads a text file and returns its lines with their numbers. Use offset and limit for a part of a long file. ' +
      'Also reads stored plans by their URI.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.read.require_approval',
    parse: (args) => parseWith(schema, args),
    needsApproval: () => requireApproval,
    run: async ({ file_path, offset = 1, limit = DEFAULT_LIMIT }) => {
      const lines = (await contentOf(file_path)).split('\n')
      if (lines.at(-1) === '') lines.pop()
      if (offset > Math.max(1, lines.length)) {
        throw new ToolError(`${file_path} has ${lines.length} lines; there is no line ${offset}`)
      }
      const shown = numberedLines(lines.slice(offset - 1, offset - 1 + limit), offset, MAX_CONTENT)
      return {
        data: {
          file_path,
          content: shown.join('\n'),
          start_line: offset,
          end_line: offset - 1 + shown.length,
          total_lines: lines.length,
        },
      }
    },
  }
}
