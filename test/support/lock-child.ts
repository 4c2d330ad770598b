/** Holds the lock file given as argument until it is killed; says `{held: true}` once it has it. */
import { Locks } from '#storage/jsonl/locks.ts'

const locks = new Locks(10_000)
const keepAlive = setInterval(() => {}, 1_000)
await locks.hold(process.argv[2] ?? '', async () => {
  process.stdout.write(`${JSON.stringify({ held: true })}\n`)
  await new Promise(() => {})
})
clearInterval(keepAlive)
