import { fieldOf } from './fields.ts'
import { childOf, isMap, isSection, isTree, type Node } from './tree.ts'

const MASK = '***'

/** Whether a setting with this value must stay out of a project's files and out of sight. */
export function isSecret(node: Node, value: unknown): boolean {
  const { kind } = fieldOf(node)
  if (kind === 'secret') return true
  return kind === 'url' && typeof value === 'string' && maskUrl(value) !== value
}

/** The value (keys as in files) with secrets and passwords in URLs replaced; what is empty stays empty. */
export function maskSecrets(node: Node, value: unknown): unknown {
  if (isSection(node) || isMap(node)) {
    if (!isTree(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, below]) => {
        const child = childOf(node, key)
        return [key, child === undefined ? below : maskSecrets(child.node, below)]
      }),
    )
  }
  if (typeof value !== 'string' || value === '') return value
  const { kind } = fieldOf(node)
  if (kind === 'secret') return MASK
  return kind === 'url' ? maskUrl(value) : value
}

/** Hides the password in `scheme://user:password@host` and in a `password=` parameter. */
function maskUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^/?#@]*?:).+(@)/i, `$1${MASK}$2`).replace(/([?&]password=)[^&#]+/gi, `$1${MASK}`)
}
