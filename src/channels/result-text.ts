import type { JobRun } from '#storage/contract/job-runs.ts'

const ENDS: Partial<Record<JobRun['state'], string>> = {
  failed: 'failed',
  lost: 'died while it was running, and is not repeated',
  interrupted: 'was interrupted',
}

/** What the recipient of a job is told about a run, in markdown; the same for the same run. */
export function resultText({ jobName, jobId, state, reason, output = '' }: JobRun): string {
  const name = `**${(jobName ?? jobId).replaceAll(/([\\`*_[\]<>~])/g, '\\$1')}**`
  const end = ENDS[state]
  const said = output.trim()
  if (end === undefined) return `${name}\n\n${said === '' ? 'It ended without a result.' : said}`
  const why = reason === undefined ? '.' : `: ${/[.!?…]$/.test(reason) ? reason : `${reason}.`}`
  return `${name} ${end}${why}${said === '' ? '' : `\n\nIts last words:\n\n${said}`}`
}
