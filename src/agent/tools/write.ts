import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { MissingFile } from '#agent/text-file.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { refuseHalfPairs } from './half-pairs.ts'
import { inTurn } from './in-turn.ts'
import { countLines } from './line-ends.ts'
import { exactText, isSameContent, type OldFile, oldFileAt } from './old-file.ts'
import { replaceFile } from './replace-file.ts'
import type { Sandbox } from './sandbox.ts'
import { unifiedDiff } from './unified-diff.ts'

const schema = z.object({
  file_path: z.string().check(z.minLength(1), z.describe('File to write; missing directories are made.')),
  content: z.string().check(z.describe('The whole content of the file, with its line ends as they are to be.')),
})

type Arguments = z.output<typeof schema>

export interface WriteDependencies {
  readonly sandbox: Sandbox
  /** Whether a person approves each call: then a file that is no longer as they were shown it is not replaced. */
  readonly requireApproval: boolean
}

/** Lines of a new file that an approval shows; the arguments hold the rest. */
const PREVIEW_LINES = 40

/** Makes a file inside the sandbox, or replaces one in one step. */
export function writeTool({ sandbox, requireApproval }: WriteDependencies): Tool<Arguments> {
  const shown = new WeakMap<Arguments, OldFile>()

  async function look(path: string): Promise<OldFile> {
    try {
      await using place = await sandbox.place(path)
      return await oldFileAt(place)
    } catch (error) {
      if (!(error instanceof MissingFile)) throw error
      const real = await sandbox.resolve(path)
      await refuseBelowFile(path, real)
      return { real, stat: undefined, bytes: undefined }
    }
  }

  return {
    name: 'Write',
    description:
      'Writes a file: makes it, with the directories above it, or replaces its whole content. To change a part of a ' +
      'file use Edit.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.write.require_approval',
    parse(args) {
      const parsed = parseWith(schema, args)
      refuseHalfPairs({ content: parsed.content })
      if (/\/\.{0,2}$/.test(parsed.file_path)) throw new ToolError(`${parsed.file_path} names a directory, not a file`)
      return parsed
    },
    needsApproval: () => requireApproval,
    async prepare(args) {
      const old = await look(args.file_path)
      shown.set(args, old)
      return await describe(args, old)
    },
    run: async (args) => {
      const { file_path, content } = args
      const bytes = Buffer.from(content)
      return await inTurn(await sandbox.resolve(file_path), async () => {
        await using place = await sandbox.place(file_path, { create: true })
        const old = await oldFileAt(place)
        const approved = shown.get(args)
        if (requireApproval && approved !== undefined && !isSameContent(approved, old)) {
          throw new ToolError(
            `${file_path} is no longer what was shown for approval; read it again and repeat the call`,
          )
        }
        await replaceFile(place, bytes, old.stat)
        return {
          data: {
            file_path,
            action: old.stat === undefined ? 'created' : 'replaced',
            bytes: bytes.length,
            lines: countLines(content),
          },
        }
      })
    },
  }
}

/** Throws a ToolError when the nearest thing above the path that exists is no directory. */
async function refuseBelowFile(path: string, real: string): Promise<void> {
  const parent = dirname(real)
  const found = await stat(parent).catch(() => undefined)
  if (found === undefined && parent !== real) return await refuseBelowFile(path, parent)
  if (found?.isDirectory() === false) throw new ToolError(`${path} cannot be created: ${parent} is not a directory`)
}

async function describe({ file_path, content }: Arguments, { stat: old, bytes }: OldFile): Promise<string> {
  const size = `${countLines(content)} lines, ${Buffer.byteLength(content)} bytes`
  if (old === undefined) return `Create ${file_path} (${size})\n${firstLines(content)}`
  const before = bytes === undefined || bytes.includes(0) ? undefined : exactText(bytes)
  if (before === undefined) {
    return `Replace ${file_path}, which is not UTF-8 text or too large to compare (${old.size} bytes), by ${size}\n${firstLines(content)}`
  }
  if (before === content) return `Replace ${file_path} by the same content`
  const difference = await unifiedDiff(file_path, before, content)
  if (difference !== undefined) return `Replace ${file_path} (${size})\n${difference.text}`
  return `Replace nearly all of ${file_path} (${countLines(before)} lines) by ${size}\n${firstLines(content)}`
}

function firstLines(content: string): string {
  const lines = content.split('\n')
  if (lines.length <= PREVIEW_LINES) return content
  return [...lines.slice(0, PREVIEW_LINES), `… (${countLines(content)} lines)`].join('\n')
}
