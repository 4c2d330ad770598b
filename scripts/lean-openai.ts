import { join } from 'node:path'
import type { Plugin } from 'rolldown'

const PACKAGE = join('node_modules', 'openai')
/** Resources but chat, and the classes that run a whole conversation: src/gateway and src/agent do that. */
const UNUSED = /^[\\/](resources[\\/](?!chat[\\/])|lib[\\/](ChatCompletion\w*(Runner|Stream)|EventStream)\.)/
const CLASS = /^export class (\w+)/gm
const VALUE = /^export (?:const|let|var|function|async function) (\w+)/gm
/** Globals of the Fetch standard: to name one loads Node's fetch, with TLS and HTTP/2. */
const GLOBALS = /\b(Headers|FormData|Response|Request)\b/

/**
 * Bundles the official client without what this program never asks of it: other resources, all of which its
 * constructor makes, helpers, and the globals of fetch, since it is given src/gateway/http-fetch.ts. It starts in a third
 * of the time.
 */
export function leanOpenAi(root: string): Plugin {
  const headers = join(root, 'src', 'gateway', 'plain-headers.ts')
  return {
    name: 'lean-openai',
    transform(code, id) {
      const [, path] = id.split(PACKAGE)
      if (path === undefined) return null
      if (UNUSED.test(path)) {
        const names = (pattern: RegExp) => [...code.matchAll(pattern)].map(([, name = '']) => name)
        const classes = names(CLASS).map((name) => `export class ${name} {}`)
        const values = names(VALUE).map((name) => `export const ${name} = undefined`)
        return classes.length === 0 ? null : { code: [...classes, ...values].join('\n'), map: null }
      }
      if (!GLOBALS.test(code)) return null
      return {
        code: `import { PlainHeaders as Headers } from ${JSON.stringify(headers)};class FormData {};class Response {};class Request {};${code}`,
        map: null,
      }
    },
  }
}
