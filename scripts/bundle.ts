import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { inkInCommonJs } from './ink-in-commonjs.ts'
import { lazyRequires } from './lazy-requires.ts'
import { leanOpenAi } from './lean-openai.ts'

const root = join(import.meta.dirname, '..')

export interface BundledFile {
  /** Below the directory of the bundle. */
  name: string
  /** Files and packages that it loads at once; what `import()` names is not among them. */
  imports: readonly string[]
  /** Absolute paths of what it holds. */
  modules: readonly string[]
}

/**
 * Bundles src/cli.ts and all it needs into dist/ as CommonJS (fastest to start), one chunk for each dynamic import so
 * that a command loads only what it runs. better-sqlite3 stays a dependency: it carries a native binary.
 */
export async function bundle(directory = join(root, 'dist')): Promise<BundledFile[]> {
  const build = await rolldown({
    input: { cli: join(root, 'src/cli.ts') },
    cwd: root,
    platform: 'node',
    plugins: [lazyRequires(join('@oclif', 'core', 'lib')), inkInCommonJs(), leanOpenAi(root)],
    external: ['better-sqlite3', 'react-devtools-core', 'bufferutil', 'utf-8-validate', 'pg-native', /^node:/],
    resolve: {
      // rolldown adds `import` or `require`, whichever the place says: pg needs its pool by `require`.
      conditionNames: ['node', 'default'],
      alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
    },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    onLog(level, log, report) {
      if (level === 'warn' && log.id?.includes('node_modules')) return
      report(level, log)
    },
  })
  const made = mkdtempSync(join(dirname(directory), 'dist-new-'))
  const { output } = await build.write({
    dir: made,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'chunks/[name]-[hash].cjs',
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
    sourcemap: false,
  })
  await build.close()
  chmodSync(made, 0o755)
  exchange(made, directory)
  chmodSync(join(root, 'bin/run.cjs'), 0o755)
  return output.flatMap((file) =>
    file.type === 'chunk' ? [{ name: file.fileName, imports: file.imports, modules: file.moduleIds }] : [],
  )
}

/** Puts a directory in the place of another within two renames, so that a program that starts meanwhile finds one. */
function exchange(made: string, directory: string): void {
  const old = `${made}-old`
  try {
    renameSync(directory, old)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  try {
    renameSync(made, directory)
  } catch (error) {
    // Another build was faster.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    rmSync(made, { recursive: true, force: true })
  }
  rmSync(old, { recursive: true, force: true })
}

if (import.meta.main) await bundle()
