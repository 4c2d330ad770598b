#!/usr/bin/env node
'use strict'
const { join } = require('node:path')
const module_ = require('node:module')

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `infer needs Node.js 24 or newer, this is ${process.version}: install it, or run npx infer in a checkout.\n`,
  )
  process.exit(2)
}
// A daemon mostly waits: memory counts, not the speed of its garbage collector. Of 10,000 jobs it halves what is resident.
if (process.argv[2] === 'channels-manager') {
  for (const flag of ['--semi-space-growth-factor=1', '--optimize-for-size'])
    require('node:v8').setFlagsFromString(flag)
}
const cache = process.env.XDG_CACHE_HOME || join(process.env.HOME || require('node:os').homedir(), '.cache')
module_.enableCompileCache(process.env.NODE_COMPILE_CACHE || join(cache, 'infer'))
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`infer: Stdout cannot be written (${error.code}).\n`)
  process.exit(1)
})
const installed = { root: join(__dirname, '..'), pjson: require('../package.json') }
require('../dist/cli.cjs')
  .main(process.argv.slice(2), installed)
  .then(
    (code) => {
      process.exitCode = code
    },
    (error) => {
      process.stderr.write(`${error?.stack ?? error}\n`)
      process.exit(1)
    },
  )
