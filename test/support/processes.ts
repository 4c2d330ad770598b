import { readFileSync } from 'node:fs'

/** Whether a process exists and has not ended; a zombie has. Linux. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
