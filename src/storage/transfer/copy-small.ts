import { StorageError } from '#storage/contract/errors.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { attempt } from './attempt.ts'
import type { CopyRun } from './copy.ts'
import { coordinationRecords, groupText, planText, readablePlans, sessionGroups } from './domain-records.ts'

/** Domains of which each record is written by itself: there are few, or each is small. */

/** Lines of the history, and their characters, in one step: a step that is cut short must not tear a line. */
const LINES = 100
const LINE_CHARACTERS = 2_000

export async function copyGroups(run: CopyRun): Promise<void> {
  const { from, to, signal, tell, dryRun, count, conflict } = run
  const stored = new Map(await sessionGroups(to, () => {}))
  for (const [key, { revision: _, ...group }] of await sessionGroups(from, tell)) {
    signal.throwIfAborted()
    count('session_groups', 'read')
    const there = stored.get(key)
    if (there && groupText(there) === groupText(group)) count('session_groups', 'skipped')
    else if (there) conflict('session_groups', key)
    else {
      try {
        if (!dryRun) await to.sessionGroups.put(key, group, { expected: ABSENT })
        count('session_groups', 'written')
      } catch (error) {
        if (!(error instanceof StorageError && (error.code === 'E_CONFLICT' || error.code === 'E_CORRUPT'))) throw error
        conflict('session_groups', key, error.message)
      }
    }
  }
}

export async function copyPlans(run: CopyRun): Promise<void> {
  const { from, to, signal, tell, dryRun, count, conflict } = run
  const stored = await readablePlans(to, () => {})
  for (const [id, plan] of await readablePlans(from, tell)) {
    signal.throwIfAborted()
    count('plans', 'read')
    const there = stored.get(id)
    if (there && planText(there) === planText(plan)) count('plans', 'skipped')
    else if (!there && (dryRun || (await to.plans.restore(plan)))) count('plans', 'written')
    else conflict('plans', id)
  }
}

/** Goes on behind what the target has, when that is how the source begins; nothing is left to do when it has more. */
export async function copyHistory({ from, to, signal, tell, dryRun, count, conflict }: CopyRun): Promise<void> {
  const commands = await attempt('shell_history', '', tell, () => from.shellHistory.load(0))
  if (!commands || commands.length === 0) return
  const stored = await to.shellHistory.load(0)
  count('shell_history', 'read', commands.length)
  const first = stored.findIndex((command, n) => n < commands.length && command !== commands[n])
  if (first >= 0) {
    count('shell_history', 'conflicts', commands.length - 1)
    const problem = `the history at ${to.type} differs from line ${first + 1} on, so none was added`
    return conflict('shell_history', String(first + 1), problem)
  }
  count('shell_history', 'skipped', Math.min(stored.length, commands.length))
  for (let next = stored.length; next < commands.length; ) {
    signal.throwIfAborted()
    const some: string[] = []
    for (let size = 0; next < commands.length && some.length < LINES; next++) {
      const command = commands[next] ?? ''
      size += command.length
      if (some.length > 0 && size > LINE_CHARACTERS) break
      some.push(command)
    }
    if (!dryRun) await to.shellHistory.appendAll(some)
    count('shell_history', 'written', some.length)
  }
}

export async function copyCoordination({ from, to, signal, tell, dryRun, count, conflict }: CopyRun): Promise<void> {
  const stored = new Map(await coordinationRecords(to, () => {}))
  for (const [key, record] of await coordinationRecords(from, tell)) {
    signal.throwIfAborted()
    count('coordination', 'read')
    const there = stored.get(key)
    if (there && JSON.stringify(there) === JSON.stringify(record)) count('coordination', 'skipped')
    else if (!there && (dryRun || (await to.coordination.restore(key, record)))) count('coordination', 'written')
    else conflict('coordination', key)
  }
}

/** A source counts as one record; rows that the target lacks are added to it. */
export async function copyImports({ from, to, signal, tell, dryRun, count, conflict }: CopyRun): Promise<void> {
  for (const source of (await attempt('imports', '', tell, () => from.coordination.importSources())) ?? []) {
    signal.throwIfAborted()
    const outcomes = await attempt('imports', source, tell, () => from.coordination.imported(source))
    if (!outcomes || outcomes.size === 0) continue
    count('imports', 'read')
    const stored = await to.coordination.imported(source)
    const differs = [...stored].some(([key, outcome]) => outcomes.get(key) !== outcome)
    if (differs) conflict('imports', source)
    else if (stored.size === outcomes.size) count('imports', 'skipped')
    else {
      if (!dryRun) await to.coordination.restoreImports(source, outcomes)
      count('imports', 'written')
    }
  }
}
