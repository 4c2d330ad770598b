import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Damage, DomainName } from '#storage/contract/damage.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { field } from '#storage/rules/fields.ts'
import { digest } from '#storage/rules/revision.ts'
import { examineLedgers } from './imports.ts'
import { jobStates } from './job-states.ts'
import { NumberedRecords } from './numbered-records.ts'
import { filesOf } from './replace-file.ts'
import { RunHistory } from './run-history.ts'

const SLICE = 250

/** Scheduling states, the history of runs, documents of coordination and ledgers, below `runsDir`. */
export async function examineRuns(runsDir: string): Promise<Damage[]> {
  return [
    ...unreadable('job_states', jobStates(join(runsDir, 'states'), true).all()),
    ...(await examineHistory(new RunHistory(runsDir))),
    ...examineDocuments(join(runsDir, 'coordination')),
    ...examineLedgers(join(runsDir, 'imports')).map((error) => damaged('imports', join(runsDir, 'imports'), error)),
  ]
}

async function examineHistory(history: RunHistory): Promise<Damage[]> {
  const damage: Damage[] = []
  for (const [n, entry] of history.entries().entries()) {
    if (n % SLICE === SLICE - 1) await turn()
    try {
      const run = history.load(entry)
      if (!run || (run.id === entry.runId && run.jobId === entry.jobId)) continue
      const problem = `its file holds another run: ${run.id} of job ${run.jobId}`
      const cure = `move the file of run ${entry.runId} away from the history of job ${entry.jobId}`
      damage.push({ domain: 'job_runs', id: entry.runId, problem, cure })
    } catch (error) {
      damage.push(damaged('job_runs', entry.runId, error))
    }
  }
  return damage
}

function examineDocuments(directory: string): Damage[] {
  return filesOf(directory, true).flatMap((kind) => {
    const records = new NumberedRecords<JsonObject>(
      join(directory, kind),
      { encode: (body) => body, decode: (document) => document },
      true,
    ).all()
    const strays = [...records].flatMap(([name, record]): Damage[] => {
      if (record instanceof StorageError || digest(field.text(record.body, 'key')) === name) return []
      const problem = `its key ${field.text(record.body, 'key')} belongs under another name`
      return [{ domain: 'coordination', id: name, problem, cure: `remove ${join(directory, kind)}/*/${name}@*` }]
    })
    return [...unreadable('coordination', records), ...strays]
  })
}

function unreadable(domain: DomainName, records: ReadonlyMap<string, unknown>): Damage[] {
  return [...records].flatMap(([id, record]) => (record instanceof StorageError ? [damaged(domain, id, record)] : []))
}

function damaged(domain: DomainName, id: string, error: unknown): Damage {
  if (!(error instanceof StorageError)) throw error
  return { domain, id, problem: error.message, cure: error.hint ?? 'restore it from a backup, or move it away' }
}
