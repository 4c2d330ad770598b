import { ToolError } from '#agent/tool.ts'
import type { AllowList } from './allow-list.ts'
import { listedEnvironment } from './bash-environment.ts'
import { type GuardOptions, guardGit, type Invocation, isGit } from './git-guard.ts'
import { checkPathWords } from './path-words.ts'
import { splitCommand } from './split-command.ts'

export type Check =
  /** The list lets everything run: in a shell, unchecked. */
  | { readonly kind: 'everything' }
  | { readonly kind: 'listed'; readonly invocation: Invocation }
  /** `matched`: the list names the command, and it is refused for what it does. */
  | { readonly kind: 'refused'; readonly reason: string; readonly matched: boolean }

/**
 * Whether a command runs from the list: a pattern matches the whole of it, it is one simple command, no word leads out
 * of the sandbox or to a protected path, and git is harmless. What then runs is exactly the words that were checked,
 * without a shell: there is no second parser that could read the command another way.
 */
export async function checkCommand(command: string, allow: AllowList, options: GuardOptions): Promise<Check> {
  if (allow.everything) return { kind: 'everything' }
  const trimmed = command.trim()
  const matched = allow.matches(trimmed)
  const refused = (reason: string): Check => ({ kind: 'refused', reason, matched })
  if (!matched) return refused('no pattern matches it')
  const split = splitCommand(trimmed)
  if (split.kind === 'refused') return refused(split.reason)
  const { words } = split
  try {
    await checkPathWords(words, options)
    const env = listedEnvironment(options.env)
    const program = words[0] ?? ''
    return {
      kind: 'listed',
      invocation: isGit(program) ? await guardGit(words, { ...options, env }) : { words, env },
    }
  } catch (error) {
    if (error instanceof ToolError) return refused(error.message)
    throw error
  }
}
