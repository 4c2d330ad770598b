import { ToolError } from '#agent/tool.ts'

/** Takes a path with `/` between its parts, without a leading one. */
export type PathFilter = (path: string) => boolean

const MAX_LENGTH = 1_000
const MAX_ALTERNATIVES = 64

/** One step of a glob: a character, a character of a set, anything but `/`, or a run of it. */
type Step = { readonly takes: (char: string) => boolean; readonly repeats: boolean }

const notSlash = (char: string) => char !== '/'

/**
 * A glob as ripgrep's `-g` takes it: without a slash it is about names at any depth, with one about the whole path; `*`
 * `?` `[a-z]` do not cross a slash, `**` does; `{a,b}`; a leading `!` takes what does not match. Linear in the path for
 * every glob, since a model writes both. Throws a ToolError for one that cannot be read.
 */
export function globFilter(glob: string): PathFilter {
  if (glob.length > MAX_LENGTH) throw new ToolError(`the glob is longer than ${MAX_LENGTH} characters`)
  const negated = glob.startsWith('!')
  const bare = (negated ? glob.slice(1) : glob).replace(/^\.\//, '')
  if (bare === '') throw new ToolError('the glob is empty')
  const all = alternativesOf(bare).map((one) => {
    const anchored = one.includes('/') ? one.replace(/^\//, '') : `**/${one}`
    return stepsOf(anchored.endsWith('/') ? `${anchored}**` : anchored)
  })
  return (path) => all.some((steps) => matches(steps, path)) !== negated
}

/** `a.{b,c}` is `a.b` and `a.c`. */
function alternativesOf(glob: string): string[] {
  let open = -1
  for (let at = 0; at < glob.length; at += 1) {
    if (glob[at] === '\\') at += 1
    else if (glob[at] === '{') open = at
    else if (glob[at] === '}' && open >= 0) {
      const inner = glob.slice(open + 1, at).split(',')
      const found = inner.flatMap((one) => alternativesOf(`${glob.slice(0, open)}${one}${glob.slice(at + 1)}`))
      if (found.length > MAX_ALTERNATIVES)
        throw new ToolError(`the glob has more than ${MAX_ALTERNATIVES} alternatives`)
      return found
    }
  }
  return [glob]
}

function stepsOf(glob: string): Step[] {
  const steps: Step[] = []
  const any: Step = { takes: () => true, repeats: true }
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at]
    if (char === '*' && glob[at + 1] === '*') {
      at += 1
      // `**/` is also nothing at all: `**/a` matches `a`. A slash that is there must end what it took.
      if (glob[at + 1] === '/') {
        at += 1
        steps.push({ takes: DIRECTORIES, repeats: true })
      } else steps.push(any)
    } else if (char === '*') steps.push({ takes: notSlash, repeats: true })
    else if (char === '?') steps.push({ takes: notSlash, repeats: false })
    else if (char === '[') {
      const end = glob.indexOf(']', at + 2)
      if (end < 0) throw new ToolError('the glob has a "[" that is never closed; a character is written "\\["')
      steps.push({ takes: setOf(glob.slice(at + 1, end)), repeats: false })
      at = end
    } else {
      if (char === '\\') at += 1
      const one = glob[at] ?? '\\'
      steps.push({ takes: (given) => given === one, repeats: false })
    }
  }
  return steps
}

// What "**" and a slash stand for: any text up to and with a slash.
const DIRECTORIES = () => true

function setOf(inside: string): (char: string) => boolean {
  const negated = /^[!^]/.test(inside)
  const chars = negated ? inside.slice(1) : inside
  const ranges = [...chars.matchAll(/(.)(?:-(.))?/gs)].map(([, low = '', high = low]) => [low, high] as const)
  return (char) => char !== '/' && ranges.some(([low, high]) => char >= low && char <= high) !== negated
}

/** Follows all ways through the steps at once. */
function matches(steps: readonly Step[], path: string): boolean {
  let states = reach(steps, new Set([0]), true)
  for (const char of path.split('')) {
    const next = new Set<number>()
    for (const state of states) {
      const step = steps[state]
      if (step?.takes(char)) next.add(step.repeats ? state : state + 1)
    }
    states = reach(steps, next, char === '/')
    if (states.size === 0) return false
  }
  return states.has(steps.length)
}

// Adds what is reached by taking a repeating step no more; DIRECTORIES ends only where a part of the path begins.
function reach(steps: readonly Step[], states: Set<number>, atBegin: boolean): Set<number> {
  for (const state of states) {
    const step = steps[state]
    if (step?.repeats && (step.takes !== DIRECTORIES || atBegin)) states.add(state + 1)
  }
  return states
}
