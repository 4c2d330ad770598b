/** What `infer schedules preview --json` prints, as far as it is used here. */
export interface Fire {
  fires: string[]
}

/** A run as `infer schedules runs --json` prints it, as far as it is used here. */
export interface Run {
  id: string
  scheduled_for: string
  state: string
  count: number
  owner: string | null
  session_id: string | null
  finished_at: string | null
}

export interface Found {
  /** When the job was due, computed from its definition alone. */
  fires: readonly string[]
  runs: readonly Run[]
  /** All stored conversations: an agent that ran has left one. */
  conversations: readonly { id: string }[]
  /** Sessions that the demo began itself. */
  own: ReadonlySet<string>
}

export interface Verdict {
  fires: number
  runs: number
  /** Agents that ran for the job, counted by the conversations they left. */
  agents: number
  skipped: number
  /** Runs too many for a fire, runs for no fire, and agents that ran without a run of their own. */
  duplicates: number
  /** Fires for which nothing is recorded, or only that nobody was there. */
  missing: number
  failed: number
}

/** Compares what was due until the last record with what was recorded and with what agents left behind. */
export function judge({ fires, runs, conversations, own }: Found): Verdict {
  const last = Math.max(...runs.map(({ scheduled_for }) => Date.parse(scheduled_for)))
  const due = fires.map((fire) => Date.parse(fire)).filter((fire) => fire <= last)
  const ran = runs.filter(({ state }) => state !== 'skipped' && state !== 'missed')
  const skipped = sumOf(runs.filter(({ state }) => state === 'skipped'))
  const distinct = new Set(ran.map(({ scheduled_for }) => Date.parse(scheduled_for)))
  const strays = [...distinct].filter((fire) => !due.includes(fire)).length
  const agents = conversations.filter(({ id }) => !own.has(id)).length
  const surplusAgents = Math.max(0, agents - new Set(ran.map(({ session_id }) => session_id)).size)
  return {
    fires: due.length,
    runs: ran.length,
    agents,
    skipped,
    duplicates: ran.length - distinct.size + strays + surplusAgents,
    missing: Math.max(0, due.length - (distinct.size - strays) - skipped),
    failed: ran.filter(({ state }) => state !== 'succeeded').length,
  }
}

const sumOf = (runs: readonly Run[]): number => runs.reduce((sum, { count }) => sum + count, 0)
