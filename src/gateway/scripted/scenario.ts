/**
 * What a scripted gateway plays. The keys are those of the files, so that a library reads the same in YAML and here.
 *
 * The format is the one of the Go CLI, so that its users can bring their files; `expand` is ours.
 */
export interface ScenarioLibrary {
  /** Played when no scenario matches or when the turns of the matching one are used up. Default: `Done.` */
  readonly fallback?: ScenarioTurn
  readonly scenarios: readonly Scenario[]
}

export interface Scenario {
  /** Unique within the library. */
  readonly name: string
  /** A regular expression over the last user message; the first scenario that matches wins. */
  readonly match: string
  /**
   * Fills `$1`…`$9` (groups of the match), `$0` (all of it) and `$$` (a dollar sign) into content, reasoning and the
   * strings in args. A group that took no part becomes the empty string. Default: false, texts are played as they are.
   */
  readonly expand?: boolean
  /** One for each answer to that user message: the n-th is played after n assistant messages. */
  readonly turns: readonly ScenarioTurn[]
}

export interface ScenarioTurn {
  readonly content?: string
  /** Sent as reasoning_content, before the content. */
  readonly reasoning?: string
  readonly tool_calls?: readonly { readonly name: string; readonly args?: Readonly<Record<string, unknown>> }[]
  /** Tokens that the turn reports. Default: 10 and 5. */
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number }
  /** Characters in a fragment of streamed text. Default (also for 0): 16. */
  readonly chunk_size?: number
  /** Milliseconds before each frame, or before a whole answer. Default: 0. */
  readonly delay_ms?: number
  /** Answers the first `times` requests for this turn with the status; -1: all of them. */
  readonly error?: { readonly status: number; readonly times: number }
  /**
   * Leaves the first `times` requests for this turn hanging; -1: all of them. With `connect` not even the head of the
   * answer is sent, otherwise its first frame is.
   */
  readonly stall?: { readonly times: number; readonly connect?: boolean }
  /** Sends one frame that is no JSON. */
  readonly malformed?: boolean
}

/** The statuses that `error` may have: those that a client should try again. */
export const ERROR_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504]

/**
 * The JavaScript form of a Go regular expression: flags at the start (`(?i)`, also s and m), `(?P<name>…)`, `\A`, `\z`.
 *
 * Throws an Error whose message says what is wrong, also for what JavaScript would silently read differently.
 */
export function matchExpression(text: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(text)
  const source = flags === null ? text : text.slice(flags[0].length)
  const foreign = /\[\[:\w+:\]|\\[CEQpP]/.exec(source.replace(/\\\\/g, ''))
  if (foreign !== null) throw new Error(`${foreign[0]} is not understood here`)
  const translated = source.replace(/\\[\s\S]|\(\?P</g, (found) => TRANSLATIONS[found] ?? found)
  return new RegExp(translated, [...new Set(flags?.[1])].join(''))
}

const TRANSLATIONS: Readonly<Record<string, string>> = { '\\A': '^', '\\z': '$', '(?P<': '(?<' }
