import { join } from 'node:path'
import type { Plugin } from 'rolldown'

const YOGA = join('yoga-layout', 'dist', 'src', 'index.js')
const RECONCILER = join('ink', 'build', 'reconciler.js')

/** What stands in the modules, and what stands there in the bundle. */
const CHANGES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  [YOGA]: [
    [
      'const Yoga = wrapAssembly(await loadYoga());',
      "import constants from './generated/YGEnums.js';" +
        'let yoga = constants;' +
        'export const ready = loadYoga().then((loaded) => { yoga = wrapAssembly(loaded) });' +
        'const Yoga = new Proxy({}, { get: (_, name) => yoga[name] });',
    ],
  ],
  [RECONCILER]: [
    ["await import('./devtools.js');", ''],
    ['const loaded = await loadPackageJson();', 'const loaded = {};'],
  ],
}

/**
 * Takes the top-level awaits out of Ink and its layout engine, which a CommonJS bundle cannot have. The engine exports
 * `ready` instead, and who renders awaits that first (src/chat/ink-ready.ts). Fails when the modules read otherwise.
 */
export function inkInCommonJs(): Plugin {
  return {
    name: 'ink-in-commonjs',
    transform(code, id) {
      const changes = Object.entries(CHANGES).find(([path]) => id.endsWith(path))?.[1]
      if (!changes) return null
      return { code: changes.reduce((text, [from, to]) => replaceOnce(text, from, to, id), code), map: null }
    },
  }
}

function replaceOnce(text: string, from: string, to: string, id: string): string {
  if (text.split(from).length !== 2) throw new Error(`${id} no longer holds, once: ${from}`)
  return text.replace(from, () => to)
}
