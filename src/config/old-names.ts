import type { Layer, OldKey } from './read-tree.ts'
import { merge, type Tree } from './tree.ts'

const COMMANDS = 'tools.bash.whitelist.commands'
const PATTERNS = 'tools.bash.whitelist.patterns'
const DOMAINS = 'tools.web_fetch.whitelisted_domains'
const ALLOW = 'tools.bash.mode.all.allow'
const ALLOWED_DOMAINS = 'tools.web_fetch.allowed_domains'

/** Names of older Go releases that still mean what they meant; commands are plain texts, so they are read as domains are. */
export const OLD_KEYS: readonly OldKey[] = [
  { at: COMMANDS, as: ALLOWED_DOMAINS },
  { at: PATTERNS, as: ALLOW },
  { at: DOMAINS, as: ALLOWED_DOMAINS },
]

/** The layer with old names in place of new ones where those are missing, and a warning for each old name. */
export function translateOldNames(layer: Layer, where: string): Layer {
  const warnings: string[] = []
  let tree = layer.tree
  if (layer.old[COMMANDS] !== undefined || layer.old[PATTERNS] !== undefined) {
    warnings.push(`${where}: tools.bash.whitelist is an old name: its entries are added to ${ALLOW}, write them there`)
  }
  const domains = layer.old[DOMAINS]
  if (domains !== undefined) {
    warnings.push(`${where}: ${DOMAINS} is an old name, write ${ALLOWED_DOMAINS}`)
    tree = merge({ tools: { webFetch: { allowedDomains: domains } } } satisfies Tree, tree)
  }
  return { ...layer, tree, warnings: [...layer.warnings, ...warnings] }
}

/** The allow-list of all modes with what the old whitelist of the merged layers adds to it. */
export function allowWithWhitelist(allow: readonly string[], old: Layer['old']): string[] {
  const commands = (old[COMMANDS] ?? []) as string[]
  const patterns = (old[PATTERNS] ?? []) as string[]
  return [...new Set([...allow, ...commands.map((command) => `${command}( .*)?`), ...patterns.map(wholeCommand)])]
}

/** A pattern that was searched for in a command, as one over the whole command. */
function wholeCommand(pattern: string): string {
  if (pattern.includes('|')) return `.*(?:${pattern}).*`
  const start = pattern.startsWith('^') ? pattern.slice(1) : `.*${pattern}`
  return /(^|[^\\])(\\\\)*\$$/.test(start) ? start.slice(0, -1) : `${start}.*`
}
