import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bundle } from './bundle.ts'

await bundle()
const run = join(import.meta.dirname, '..', 'bin', 'run.cjs')
const { status } = spawnSync(process.execPath, [run, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = status ?? 1
