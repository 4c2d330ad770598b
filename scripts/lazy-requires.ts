import type { Plugin } from 'rolldown'

/** A top-level import as TypeScript compiles it for CommonJS. */
const IMPORT = /^const (\w+_\d+) = (.*\brequire\("[^"]+"\)+);$/gm

/** Finds plugins, hooks and manifests on disk: this program has none, and passes src/oclif-config.ts instead. */
const NEVER_USED = /[\\/]config[\\/]index\.js$/

/**
 * Makes the modules of a compiled CommonJS package load each other at first use. oclif's command class would otherwise
 * bring its plugin loader, templates and spinners into every command, which takes longer than most commands do.
 */
export function lazyRequires(folder: string): Plugin {
  return {
    name: 'lazy-requires',
    transform(code, id) {
      if (!id.includes(folder)) return null
      if (NEVER_USED.test(id)) return { code: 'module.exports = {}', map: null }
      const names = [...code.matchAll(IMPORT)].map(([, name = '']) => name)
      if (names.length === 0) return null
      const lazy = code.replaceAll(
        IMPORT,
        (_, name: string, load: string) =>
          `let loaded_${name}; function ${name}() { return loaded_${name} ??= ${load} }`,
      )
      const uses = new RegExp(`(?<!function |loaded_)\\b(${names.join('|')})\\b`, 'g')
      return { code: lazy.replaceAll(uses, '($1())'), map: null }
    },
  }
}
