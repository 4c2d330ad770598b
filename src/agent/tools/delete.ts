import { rmdir, unlink } from 'node:fs/promises'
import * as z from 'zod/mini'
import { fileError, MissingFile } from '#agent/file-error.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { type Entry, entriesBelow, entryAt, removeBelow } from './directory-tree.ts'
import { inTurn } from './in-turn.ts'
import type { Place } from './place.ts'
import type { Sandbox } from './sandbox.ts'

const schema = z.object({
  path: z.string().check(z.minLength(1), z.describe('File, symbolic link or directory to delete.')),
  recursive: z.optional(
    z.boolean().check(z.describe('Deletes a directory with everything in it. Default: false, empty ones only.')),
  ),
})

type Arguments = z.output<typeof schema>

export interface DeleteDependencies {
  readonly sandbox: Sandbox
  /** Whether a person approves each call: then only what they were shown is deleted. */
  readonly requireApproval: boolean
}

/** What a call deletes: the thing itself, and all that is below it. */
interface Doomed {
  readonly itself: Entry
  readonly below: readonly Entry[]
}

/** Entries of a directory that an approval lists. */
const MAX_LISTED = 20

/** Deletes a file, a symlink (never what it leads to) or a directory inside the sandbox. */
export function deleteTool({ sandbox, requireApproval }: DeleteDependencies): Tool<Arguments> {
  const shown = new WeakMap<Arguments, Doomed>()

  async function placeOf({ path }: Arguments): Promise<Place> {
    return await sandbox.place(path, { followLink: false })
  }

  async function doomedAt(place: Place, { path, recursive = false }: Arguments, signal?: AbortSignal): Promise<Doomed> {
    if (await sandbox.holdsRoot(place.real)) {
      throw new ToolError(`${path} is or holds the working directory or one of tools.sandbox.directories`)
    }
    const itself = await entryAt(place.directory, place.name, '')
    if (itself === undefined) throw new MissingFile(`there is no file ${path}`)
    if (itself.kind !== 'directory') return { itself, below: [] }
    await using directory = await place.directory.child(place.name)
    const isProtected = await sandbox.protection()
    const below = await entriesBelow(directory, (way) => {
      if (isProtected(`${place.real}/${way}`)) throw new ToolError(`${path} holds ${way}, which is a protected path`)
      signal?.throwIfAborted()
    })
    if (below.length > 0 && !recursive) {
      throw new ToolError(`${path} is a directory that holds ${below.length} entries; set recursive to delete them too`)
    }
    return { itself, below }
  }

  return {
    name: 'Delete',
    description:
      'Deletes a file, a symbolic link (not what it leads to), an empty directory, or with recursive a directory and ' +
      'everything in it. There is no way back.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.delete.require_approval',
    // The other file tools say file_path, and models carry it over.
    parse: ({ file_path, ...args }) =>
      parseWith(schema, { ...(file_path === undefined ? {} : { path: file_path }), ...args }),
    needsApproval: () => requireApproval,
    async prepare(args) {
      await using place = await placeOf(args)
      const doomed = await doomedAt(place, args)
      shown.set(args, doomed)
      return describe(args.path, doomed)
    },
    run: async (args, { signal }) =>
      await inTurn(await sandbox.resolveName(args.path), async () => {
        await using place = await placeOf(args)
        const doomed = await doomedAt(place, args, signal)
        const approved = shown.get(args)
        if (requireApproval && approved !== undefined && !isStill(approved, doomed)) {
          throw new ToolError(`${args.path} is no longer what was shown for approval; look at it and repeat the call`)
        }
        await remove(place, doomed, signal)
        return { data: resultOf(args.path, doomed) }
      }),
  }
}

async function remove(place: Place, { itself, below }: Doomed, signal: AbortSignal): Promise<void> {
  try {
    await place.verify()
    if (itself.kind !== 'directory') return await unlink(place.path)
    {
      await using directory = await place.directory.child(place.name)
      await removeBelow(directory, below, signal)
    }
    await rmdir(place.path)
  } catch (error) {
    throw fileError(place.asked, 'deleted', error)
  }
}

function isStill(approved: Doomed, now: Doomed): boolean {
  const marks = ({ itself, below }: Doomed) =>
    [itself, ...below].map(({ way, kind, mark }) => `${way}\0${kind}\0${mark}`)
  return marks(approved).join('\0') === marks(now).join('\0')
}

function describe(path: string, { itself, below }: Doomed): string {
  switch (itself.kind) {
    case 'file':
      return `Delete the file ${path} (${itself.size} bytes)`
    case 'link':
      return `Delete the symbolic link ${path}, not what it leads to`
    case 'other':
      return `Delete ${path}, which is no regular file`
    case 'directory': {
      if (below.length === 0) return `Delete the empty directory ${path}`
      const size = below.reduce((sum, entry) => sum + entry.size, 0n)
      const listed = below.slice(0, MAX_LISTED).map(({ way, kind }) => `  ${way}${kind === 'directory' ? '/' : ''}`)
      const more = below.length > MAX_LISTED ? [`  … (${below.length} entries)`] : []
      const title = `Delete the directory ${path} with everything in it: ${below.length} entries, ${size} bytes`
      return [title, ...listed, ...more].join('\n')
    }
  }
}

function resultOf(path: string, { itself, below }: Doomed): JsonObject {
  const kinds = { file: 'file', link: 'symbolic link', directory: 'directory', other: 'special file' }
  return { path, deleted: kinds[itself.kind], ...(below.length === 0 ? {} : { entries: below.length }) }
}
