import { readlink, stat } from 'node:fs/promises'
import * as z from 'zod/mini'
import { IgnoreRules } from '#agent/search/ignore-rules.ts'
import { shownPath } from '#agent/search/search-report.ts'
import { type Entry, listDirectory } from '#agent/search/walk.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import { parametersOf, parseWith } from './arguments.ts'
import type { Sandbox } from './sandbox.ts'

const schema = z.object({
  path: z.optional(z.string().check(z.describe('Directory to list. Default: the working directory.'))),
  max_depth: z.optional(
    z.int().check(z.gte(1), z.lte(50), z.describe('Levels below the directory that are listed. Default: 3.')),
  ),
  directories_only: z.optional(z.boolean().check(z.describe('Whether files are left out. Default: false.'))),
  limit: z.optional(z.int().check(z.gte(1), z.lte(5_000), z.describe('Entries that are shown. Default: 500.'))),
})

type Arguments = z.output<typeof schema>

export interface TreeDependencies {
  readonly sandbox: Pick<Sandbox, 'resolve' | 'protection'>
  /** Absolute; what paths are shown relative to. */
  readonly cwd: string
  readonly requireApproval: boolean
}

const DEFAULT_DEPTH = 3
const DEFAULT_LIMIT = 500
/** Counting ends here: below lies more than anybody wants to know. */
const MAX_COUNTED = 100_000

/**
 * Lists a directory as a tree: directories and files by name, without what git ignores and what is protected. Links are
 * shown with their target, wherever it is, and never followed.
 */
export function treeTool({ sandbox, cwd, requireApproval }: TreeDependencies): Tool<Arguments> {
  return {
    name: 'Tree',
    description:
      'Shows a directory as a tree, sorted by name. Leaves out what .gitignore names and protected files. Use ' +
      'max_depth and path for large projects.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.tree.require_approval',
    parse: (args) => parseWith(schema, args),
    needsApproval: () => requireApproval,
    run: async (
      { path = '.', max_depth: maxDepth = DEFAULT_DEPTH, directories_only, limit = DEFAULT_LIMIT },
      context,
    ) => {
      const root = await sandbox.resolve(path)
      const info = await stat(root).catch(() => undefined)
      if (info === undefined) throw new ToolError(`there is no directory ${path}`)
      if (!info.isDirectory()) throw new ToolError(`${path} is not a directory`)
      const isClosed = await sandbox.protection()
      const rows = [`${shownPath(root, cwd)}/`]
      const counts = { directories: 0, files: 0, links: 0 }
      const total = () => counts.directories + counts.files + counts.links
      const visit = async (directory: string, depth: number, indent: string, rules: IgnoreRules): Promise<void> => {
        const listed = await listDirectory(directory, { isClosed, rules, signal: context.signal })
        const entries = directories_only ? listed.filter(({ kind }) => kind === 'directory') : listed
        for (const [index, entry] of entries.entries()) {
          if (total() >= MAX_COUNTED) return
          const isLast = index === entries.length - 1
          counts[COUNTED[entry.kind]] += 1
          if (total() <= limit) rows.push(`${indent}${isLast ? '└── ' : '├── '}${await label(entry)}`)
          if (entry.kind !== 'directory' || depth >= maxDepth) continue
          await visit(entry.path, depth + 1, `${indent}${isLast ? '    ' : '│   '}`, await rules.inside(entry.path))
        }
      }
      await visit(root, 1, '', await IgnoreRules.at(root))
      const shown = rows.length - 1
      const all = total() >= MAX_COUNTED ? `${MAX_COUNTED} or more` : String(total())
      return {
        data: {
          path: shownPath(root, cwd),
          tree: rows.join('\n'),
          ...counts,
          max_depth: maxDepth,
          ...(shown < total() ? { shown, note: `only the first ${shown} of ${all} entries are shown` } : {}),
        },
      }
    },
  }
}

const COUNTED = { directory: 'directories', file: 'files', symlink: 'links' } as const

/** A name takes one line whatever it holds. */
async function label({ name, path, kind }: Entry): Promise<string> {
  const plain = (text: string) => text.replaceAll(/\p{Cc}/gu, '\ufffd')
  if (kind === 'directory') return `${plain(name)}/`
  if (kind === 'file') return plain(name)
  const target = await readlink(path).catch(() => '?')
  return `${plain(name)} -> ${plain(target)}`
}
