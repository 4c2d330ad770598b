import type { DaemonPresence, SeenDaemon } from '#storage/contract/coordination.ts'

/** A difference between a daemon's clock and the store's that is worth a warning, in ms. */
const SKEW_MS = 5_000

/** How far a daemon's clock is ahead of the store's, in ms. */
export function skewMs({ clock, lastBeat }: Pick<SeenDaemon, 'clock' | 'lastBeat'>): number {
  return clock.getTime() - lastBeat.getTime()
}

/** What to say of a clock that differs by more than 5 s. */
export function skewWarning(daemon: SeenDaemon): string | undefined {
  const skew = skewMs(daemon)
  if (Math.abs(skew) <= SKEW_MS) return undefined
  const seconds = Math.round(Math.abs(skew) / 1_000)
  const direction = skew > 0 ? 'ahead of' : 'behind'
  return `the clock of ${daemon.host} is ${seconds} s ${direction} the store's: set it by NTP`
}

type Compared = Pick<DaemonPresence, 'host' | 'tzdata' | 'version' | 'timezone'>

/** What two daemons do not agree on, a sentence by the name of the thing; `name` is that of the second one. */
export function differences(one: Compared, other: Compared, name: string): Map<string, string> {
  const found = new Map<string, string>()
  const compare = (what: string, theirs: string, ours: string, advice: string) => {
    if (theirs !== ours) found.set(what, `${one.host} has ${what} ${theirs}, ${name} ${ours}: ${advice}`)
  }
  compare('time zone data', one.tzdata, other.tzdata, 'fires may differ, use one version of Node.js')
  compare('infer', one.version, other.version, 'install one version on every host')
  compare('time zone', one.timezone, other.timezone, 'a job keeps the zone that it was created with')
  return found
}
