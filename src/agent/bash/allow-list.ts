/** Which commands run without being asked for. */
export interface AllowList {
  /** Every command runs, in a shell, unchecked: the list holds `.*`. */
  readonly everything: boolean
  /** Whether a pattern matches the whole command. Says nothing about what the command does. */
  matches(command: string): boolean
}

/**
 * The list of `tools.bash.mode.all.allow` and of a mode. A pattern is a regular expression over the whole command, with
 * or without anchors; a leading `(?i)` makes it blind to case. Throws a SyntaxError for what is no expression, which the
 * settings have refused before.
 */
export function allowList(patterns: readonly string[]): AllowList {
  const expressions = patterns.map(expression)
  return {
    everything: patterns.some((pattern) => pattern === '.*' || pattern === '^.*$'),
    matches: (command) => expressions.some((one) => one.test(command)),
  }
}

function expression(pattern: string): RegExp {
  const source = pattern.replace(/^\(\?i\)/, '')
  return new RegExp(`^(?:${source})$`, source === pattern ? '' : 'i')
}
