import { resolve } from 'node:path'
import { InferError } from '#errors.ts'
import { cleanText } from './clean-text.ts'
import { MissingFile, readTextFile, textOf } from './text-file.ts'
import type { Sandbox } from './tools/sandbox.ts'

export interface TaskTextOptions {
  readonly cwd: string
  readonly sandbox: Sandbox
  /** `--files`: named by the operator, so the sandbox does not count. */
  readonly files: readonly string[]
  readonly warn: (message: string) => void
}

/** Files are attached whole; larger ones are for the Read tool. */
const MAX_FILE = 256 * 1024
const MENTION = /(?<![\p{L}\p{N}_./])@([\p{L}\p{N}_./~-]*[\p{L}\p{N}_/])/gu

/**
 * The task with the files that belong to it behind it: those of `--files`, and those that the text names as `@file`.
 *
 * An `@word` that is no file stays a word. One that the sandbox closes is left out with a warning, since the text may
 * come from somebody else than the operator. Throws E_NOT_FOUND and E_USAGE for a file of `--files` that cannot be sent.
 */
export async function taskText(task: string, { cwd, sandbox, files, warn }: TaskTextOptions): Promise<string> {
  const parts = [cleanText(task)]
  const attached = new Set<string>()
  for (const name of files) {
    const path = resolve(cwd, name)
    if (attached.has(path)) continue
    attached.add(path)
    const content = await readTextFile(path, name, MAX_FILE).catch((error: unknown) => {
      throw notSent(name, error)
    })
    parts.push(fileBlock(name, content))
  }
  for (const [, name = ''] of task.matchAll(MENTION)) {
    const path = resolve(cwd, name)
    if (attached.has(path)) continue
    attached.add(path)
    try {
      await using file = await sandbox.open(name)
      parts.push(fileBlock(name, await textOf(file, name, MAX_FILE)))
    } catch (error) {
      if (!(error instanceof MissingFile)) warn(`@${name} is not attached: ${(error as Error).message}.`)
    }
  }
  return parts.join('\n\n')
}

function fileBlock(name: string, content: string): string {
  const text = cleanText(content)
  return `<file path="${name}">\n${text}${text.endsWith('\n') ? '' : '\n'}</file>`
}

function notSent(name: string, error: unknown): InferError {
  if (error instanceof MissingFile) return new InferError('E_NOT_FOUND', `There is no file ${name} (--files).`)
  return new InferError('E_USAGE', `A file of --files cannot be sent: ${(error as Error).message}.`)
}
