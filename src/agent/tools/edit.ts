import * as z from 'zod/mini'
import { MissingFile, refuseBinary } from '#agent/text-file.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { refuseHalfPairs } from './half-pairs.ts'
import { inTurn } from './in-turn.ts'
import { numberedLines } from './numbered-lines.ts'
import { exactText, isSameContent, MAX_TEXT_FILE, type OldFile, oldFileAt } from './old-file.ts'
import type { Place } from './place.ts'
import { replaceFile } from './replace-file.ts'
import { replaceText } from './replace-text.ts'
import type { Sandbox } from './sandbox.ts'
import { type Difference, unifiedDiff } from './unified-diff.ts'

const schema = z.object({
  file_path: z.string().check(z.minLength(1), z.describe('File to change.')),
  old_string: z
    .string()
    .check(
      z.minLength(1),
      z.describe('Text to replace, exactly as it is in the file, without line numbers. Must be there once.'),
    ),
  new_string: z.string().check(z.describe('Text to put in its place.')),
  replace_all: z.optional(z.boolean().check(z.describe('Replaces every occurrence. Default: false.'))),
})

type Arguments = z.output<typeof schema>

export interface EditDependencies {
  readonly sandbox: Sandbox
  /** Whether a person approves each call: then only what they were shown is done. */
  readonly requireApproval: boolean
}

/** What an edit makes of a file. */
interface Change {
  readonly old: OldFile
  readonly after: string
  readonly count: number
  readonly difference: Difference | undefined
}

/** Characters of the changed lines in a result. */
const MAX_SHOWN = 10_000

/** Replaces a text in a file inside the sandbox; every other byte stays. */
export function editTool({ sandbox, requireApproval }: EditDependencies): Tool<Arguments> {
  const shown = new WeakMap<Arguments, Change>()

  return {
    name: 'Edit',
    description:
      'Replaces a text in a file. old_string must match exactly, with its whitespace, and be there once, or ' +
      'replace_all be set. Read the file first.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.edit.require_approval',
    parse(args) {
      const parsed = parseWith(schema, args)
      const { old_string, new_string } = parsed
      refuseHalfPairs({ old_string, new_string })
      if (old_string === new_string) throw new ToolError('old_string and new_string are the same: nothing would change')
      return parsed
    },
    needsApproval: () => requireApproval,
    async prepare(args) {
      await using place = await sandbox.place(args.file_path)
      const change = await changeOf(place, args)
      shown.set(args, change)
      return describe(args.file_path, change)
    },
    run: async (args) => {
      const { file_path } = args
      return await inTurn(await sandbox.resolve(file_path), async () => {
        await using place = await sandbox.place(file_path)
        const change = await changeOf(place, args)
        const approved = shown.get(args)
        if (requireApproval && approved !== undefined && !isStill(approved, change)) {
          throw new ToolError(
            `${file_path} is no longer what was shown for approval; read it again and repeat the call`,
          )
        }
        await replaceFile(place, Buffer.from(change.after), change.old.stat)
        return { data: { file_path, replacements: change.count, changed: changedLines(change.difference) } }
      })
    },
  }
}

async function changeOf(place: Place, { old_string, new_string, replace_all = false }: Arguments): Promise<Change> {
  const { asked } = place
  const old = await oldFileAt(place)
  if (old.stat === undefined) throw new MissingFile(`there is no file ${asked}; Write makes one`)
  if (old.bytes === undefined)
    throw new ToolError(`${asked} has ${old.stat.size} bytes; at most ${MAX_TEXT_FILE} are edited`)
  refuseBinary(old.bytes, asked)
  const before = exactText(old.bytes)
  if (before === undefined) throw new ToolError(`${asked} is not valid UTF-8 and would be damaged by an edit`)
  const { text: after, count } = replaceText(
    before,
    { oldText: old_string, newText: new_string, all: replace_all },
    asked,
  )
  return { old, after, count, difference: await unifiedDiff(asked, before, after) }
}

/** Whether it is the change that was shown: the file may be another one elsewhere, but not where it changes. */
function isStill(approved: Change, now: Change): boolean {
  if (isSameContent(approved.old, now.old)) return true
  if (approved.old.real !== now.old.real || approved.difference === undefined) return false
  return approved.difference.changes === now.difference?.changes
}

function describe(path: string, { count, difference }: Change): string {
  const title = count === 1 ? `Edit ${path}` : `Edit ${path} in ${count} places`
  return difference === undefined ? `${title}: too many lines to show` : `${title}\n${difference.text}`
}

/** The lines around each change as they are now, with their numbers. */
function changedLines(difference: Difference | undefined): string {
  const shown: string[] = []
  let length = 0
  for (const { newStart, lines } of difference?.hunks ?? []) {
    const now = lines.filter((line) => !/^[-\\]/.test(line)).map((line) => line.slice(1))
    const part = numberedLines(now, newStart, MAX_SHOWN - length).join('\n')
    length += part.length
    if (length > MAX_SHOWN && shown.length > 0) return [...shown, '…'].join('\n')
    shown.push(part)
  }
  return shown.join('\n…\n')
}
