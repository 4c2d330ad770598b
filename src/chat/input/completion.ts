import type { Draft } from './draft.ts'

/** What the word at the cursor could become. */
export interface Completion {
  /** Where the word begins and ends in the text. */
  readonly from: number
  readonly to: number
  /** Not empty. */
  readonly options: readonly CompletionOption[]
  /** The option that is chosen. */
  readonly index: number
}

export interface CompletionOption {
  /** What stands there afterwards, the sign before it included. */
  readonly text: string
  readonly hint: string
}

/** Undefined when there is nothing to complete. */
export type Completer = (draft: Draft) => Promise<Completion | undefined>

export interface CompletionSources {
  /** Slash commands without the slash. */
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  /** Paths below the working directory that begin with the text; directories end with a slash. */
  readonly files: (beginning: string) => Promise<readonly string[]>
}

/** Paths that a message can mention, see `taskText`: what would not be attached is not offered. */
const MENTIONED = /^[\p{L}\p{N}_./~-]*[\p{L}\p{N}_/]$/u
/** Options that are offered. */
const OFFERED = 8

/** Completes `/command` at the start of the text, and `@file` anywhere. */
export function completer({ commands, files }: CompletionSources): Completer {
  return async ({ text, cursor }) => {
    const before = text.slice(0, cursor)
    const command = /^\/(\S*)$/.exec(before)?.[1]
    if (command !== undefined) {
      const options = commands
        .filter(({ name }) => name.startsWith(command) && name !== command)
        .map(({ name, description }) => ({ text: `/${name}`, hint: description }))
      return offer(0, cursor, options)
    }
    const file = /(?:^|\s)@(\S*)$/.exec(before)?.[1]
    if (file === undefined) return undefined
    const found = (await files(file)).filter((path) => path !== file && MENTIONED.test(path))
    const options = found.map((path) => ({ text: `@${path}`, hint: '' }))
    return offer(cursor - file.length - 1, cursor, options)
  }
}

function offer(from: number, to: number, options: readonly CompletionOption[]): Completion | undefined {
  return options.length === 0 ? undefined : { from, to, options: options.slice(0, OFFERED), index: 0 }
}

/** The draft with the chosen option in it, and a space behind it unless it is a directory. */
export function completed({ text }: Draft, { from, to, options, index }: Completion): Draft {
  const chosen = options[index]?.text ?? text.slice(from, to)
  const added = chosen.endsWith('/') || text[to] === ' ' ? chosen : `${chosen} `
  return { text: text.slice(0, from) + added + text.slice(to), cursor: from + added.length }
}
