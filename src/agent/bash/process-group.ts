import { setTimeout as sleep } from 'node:timers/promises'

/** Between SIGTERM and SIGKILL; less than what a stopped run waits for its tools. */
const GRACE_MS = 2_000
const LOOK_MS = 20

/** Groups whose commands have not ended: they must not outlive this process. */
const running = new Set<number>()
process.on('exit', () => {
  for (const group of running) signalGroup(group, 'SIGKILL')
})

/** While it is not disposed of, the group is killed when this process exits. */
export function endWithThisProcess(group: number): Disposable {
  running.add(group)
  return { [Symbol.dispose]: () => running.delete(group) }
}

/** Whether anything is left of a group. Processes that have ended count until somebody has waited for them. */
export function isGroupAlive(group: number): boolean {
  return signalGroup(group, 0)
}

/** Ends every process of a group: SIGTERM, and SIGKILL for those that are there 2 s later. */
export async function endGroup(group: number): Promise<void> {
  const deadline = performance.now() + GRACE_MS
  signalGroup(group, 'SIGTERM')
  while (performance.now() < deadline) {
    if (!isGroupAlive(group)) return
    await sleep(LOOK_MS)
  }
  signalGroup(group, 'SIGKILL')
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}
