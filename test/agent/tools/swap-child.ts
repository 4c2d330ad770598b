import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'

// Swaps a directory for a symlink to another one, and back, until its standard input ends. Counts in a file.
const [directory = '', target = '', count = ''] = process.argv.slice(2)
const aside = `${directory}.aside`
let stopped = false
process.stdin.resume().on('end', () => {
  stopped = true
})

/** Done again when a tool has made the directory meanwhile, which is moved out of the way. */
function past(step: () => void): void {
  for (let tries = 0; ; tries += 1) {
    try {
      step()
      return
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      renameSync(directory, `${directory}.made-${swaps}-${tries}`)
    }
  }
}

let swaps = 0
function swap(): void {
  for (let round = 0; round < 20; round += 1) {
    renameSync(directory, aside)
    past(() => symlinkSync(target, directory))
    unlinkSync(directory)
    past(() => renameSync(aside, directory))
    swaps += 1
  }
  writeFileSync(count, String(swaps))
  if (!stopped) setImmediate(swap)
}
swap()
