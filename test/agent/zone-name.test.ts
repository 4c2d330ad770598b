import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { cleanEnvironment } from '../support/environment.ts'

const PROGRAM = `
import { zoneName } from '#agent/zone-name.ts'
import { machineZone } from '#cron/index.ts'
console.log(JSON.stringify([zoneName(), machineZone()]))
`

function zones(TZ: string | undefined): [ours: string, known: string] {
  const { TZ: _, ...env } = cleanEnvironment()
  const options = {
    cwd: import.meta.dirname,
    env: { ...env, ...(TZ !== undefined && { TZ }) },
    encoding: 'utf8',
  } as const
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], options))
}

test('the zone is the one that Node finds, whether it was named plainly or not', () => {
  for (const zone of [
    undefined,
    'Europe/Berlin',
    'America/Argentina/Ushuaia',
    'UTC',
    'Etc/UTC',
    'CET',
    '',
    'No/Where',
  ]) {
    const [ours, known] = zones(zone)
    expect(ours, zone).toBe(known)
  }
})
