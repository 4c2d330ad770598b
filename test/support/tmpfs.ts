import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { testDirectory } from './backends.ts'

/** A disk of that size (as `mount` has it, such as `2m`) for one test; undefined where we may not mount one. */
export function smallDisk(size: string): string | undefined {
  const directory = testDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** Gives it another size. */
export function resizeDisk(directory: string, size: string): void {
  execFileSync('mount', ['-o', `remount,size=${size}`, directory])
}
