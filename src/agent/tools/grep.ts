import { stat } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import * as z from 'zod/mini'
import type { FileMatches, SearchOptions } from '#agent/search/engine.ts'
import { typeFilter } from '#agent/search/file-types.ts'
import { globFilter } from '#agent/search/glob.ts'
import { IgnoreRules } from '#agent/search/ignore-rules.ts'
import { searchInProcess } from '#agent/search/in-process.ts'
import { parsePattern } from '#agent/search/pattern.ts'
import { findRipgrep, RipgrepUnusable, searchWithRipgrep } from '#agent/search/ripgrep.ts'
import { reportMatches } from '#agent/search/search-report.ts'
import { type FoundFiles, findFiles } from '#agent/search/walk.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { parametersOf, parseWith } from './arguments.ts'
import type { Sandbox } from './sandbox.ts'

const lines = (what: string) => z.optional(z.int().check(z.gte(0), z.lte(100), z.describe(what)))

const schema = z.object({
  pattern: z
    .string()
    .check(z.minLength(1), z.describe('Regular expression in the syntax of ripgrep, without look-around.')),
  path: z.optional(z.string().check(z.describe('File or directory to search. Default: the working directory.'))),
  glob: z.optional(z.string().check(z.describe('Only these files, such as *.ts, src/**/*.{js,ts} or !*.test.ts.'))),
  type: z.optional(z.string().check(z.describe('Only files of this language, such as ts, py, go, rust, md.'))),
  output_mode: z.optional(
    z
      .enum(['content', 'files_with_matches', 'count'])
      .check(z.describe('What is returned: files_with_matches (default), content (the lines), count (lines a file).')),
  ),
  '-i': z.optional(z.boolean().check(z.describe('Whether upper and lower case are the same. Default: false.'))),
  '-n': z.optional(z.boolean().check(z.describe('Whether lines are numbered (content). Default: true.'))),
  '-A': lines('Lines after each match (content).'),
  '-B': lines('Lines before each match (content).'),
  '-C': lines('Lines before and after each match (content).'),
  context: lines('The same as -C.'),
  head_limit: z.optional(
    z.int().check(z.gte(1), z.lte(2_000), z.describe('Matching lines or files that are shown. Default: 200.')),
  ),
  multiline: z.optional(
    z.boolean().check(z.describe('Whether a match may span lines; "." then takes line ends too. Default: false.')),
  ),
})

type Arguments = z.output<typeof schema>

export interface GrepDependencies {
  readonly sandbox: Pick<Sandbox, 'resolve' | 'protection'>
  /** Absolute; where a search begins and what paths are shown relative to. */
  readonly cwd: string
  readonly requireApproval: boolean
  /** PATH, in which `rg` is looked for; without it the search runs in this process. */
  readonly searchPath: string | undefined
  /** Time for one search in ms. Default: 20 s. */
  readonly timeLimitMs?: number
}

const DEFAULT_LIMIT = 200
const TIME_LIMIT_MS = 20_000
const MAX_FILES = 50_000
/** Larger files are left out, and counted. */
const MAX_FILE = 10 * 1024 * 1024

/**
 * Searches files for a regular expression, by ripgrep where it is installed and in the process elsewhere, with the same
 * result. Which files are searched is decided here for both: inside the sandbox, not protected, not ignored by git, no
 * symlinks, text.
 */
export function grepTool(dependencies: GrepDependencies): Tool<Arguments> {
  const { sandbox, cwd, requireApproval, searchPath, timeLimitMs = TIME_LIMIT_MS } = dependencies
  return {
    name: 'Grep',
    description:
      'Searches files for a regular expression and returns files, lines or counts. Leaves out what .gitignore names, ' +
      'binary files and protected files.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.grep.require_approval',
    parse: (args) => parseWith(schema, args),
    needsApproval: () => requireApproval,
    run: async (args, { signal }) => {
      const { path = '.', head_limit: headLimit = DEFAULT_LIMIT, output_mode: mode = 'files_with_matches' } = args
      const pattern = parsePattern(args.pattern, {
        ignoreCase: args['-i'] ?? false,
        multiline: args.multiline ?? false,
      })
      const around = args['-C'] ?? args.context ?? 0
      const program = await findRipgrep(searchPath)
      const found = await filesOf(path, args, signal)
      const data = await withEngine(
        program,
        {
          pattern,
          files: found.files,
          maxBytes: MAX_FILE,
          keep: mode === 'content' ? headLimit : mode === 'count' ? 1 : 0,
          timeLimitMs,
          signal,
        },
        (matches) =>
          reportMatches(matches, {
            mode,
            cwd,
            headLimit,
            numbers: args['-n'] ?? true,
            before: args['-B'] ?? around,
            after: args['-A'] ?? around,
            maxBytes: MAX_FILE,
          }),
      )
      return { data: { ...data, searched_files: found.files.length, ...leftOut(found) } }
    },
  }

  async function filesOf(path: string, args: Arguments, signal: AbortSignal): Promise<FoundFiles> {
    const root = await sandbox.resolve(path)
    const info = await stat(root).catch(() => {
      throw new ToolError(`there is no file or directory ${path}`)
    })
    const glob = args.glob === undefined ? undefined : globFilter(args.glob)
    const typed = args.type === undefined ? undefined : typeFilter(args.type)
    const negated = args.glob?.startsWith('!') ?? false
    const wanted = (file: string) => {
      // A glob with a slash may be meant from where the search begins, or from the working directory.
      const ways = [relative(root, file) || basename(file), relative(cwd, file)]
      const inGlob = glob === undefined || (negated ? ways.every(glob) : ways.some(glob))
      return inGlob && (typed === undefined || typed(basename(file)))
    }
    if (info.isDirectory()) {
      const limits = { maxFiles: MAX_FILES, maxBytes: MAX_FILE }
      return await findFiles(root, {
        ...limits,
        isClosed: await sandbox.protection(),
        rules: await IgnoreRules.at(root),
        wanted,
        signal,
      })
    }
    if (!info.isFile()) throw new ToolError(`${path} is neither a regular file nor a directory`)
    if (info.size > MAX_FILE) throw new ToolError(`${path} has ${info.size} bytes; at most ${MAX_FILE} are searched`)
    return { files: wanted(root) ? [root] : [], tooLarge: 0, more: false }
  }
}

/** By ripgrep; in the process when there is none or it refuses. */
async function withEngine(
  program: string | undefined,
  options: SearchOptions,
  report: (matches: AsyncIterable<FileMatches>) => Promise<JsonObject>,
): Promise<JsonObject> {
  if (options.files.length > 0 && program !== undefined) {
    try {
      return await report(searchWithRipgrep(program, options))
    } catch (error) {
      if (!(error instanceof RipgrepUnusable)) throw error
    }
  }
  return await report(searchInProcess(options))
}

function leftOut({ tooLarge, more }: FoundFiles): JsonObject {
  return {
    ...(tooLarge === 0 ? {} : { too_large: `${tooLarge} files over ${MAX_FILE} bytes were left out` }),
    ...(more ? { incomplete: `there are more than ${MAX_FILES} files; narrow path, glob or type` } : {}),
  }
}
