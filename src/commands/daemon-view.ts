import { differences, skewMs, skewWarning } from '#daemon/differences.ts'
import type { SeenDaemon } from '#storage/contract/coordination.ts'

/** A daemon as `--json` prints it. */
export function daemonView(daemon: SeenDaemon) {
  return {
    id: daemon.id,
    host: daemon.host,
    pid: daemon.pid,
    version: daemon.version,
    since: daemon.since.toISOString(),
    last_beat: daemon.lastBeat.toISOString(),
    timezone: daemon.timezone,
    tzdata: daemon.tzdata,
    scheduler: daemon.scheduler,
    behind: daemon.behind,
    skew_ms: skewMs(daemon),
  }
}

/** Daemons that do not claim what is due although they could. */
export function daemonProblems(daemons: readonly SeenDaemon[]): string[] {
  return daemons
    .filter(({ behind }) => behind)
    .map(
      ({ host, pid }) =>
        `the daemon on ${host} (pid ${pid}) is behind: a due fire was unclaimed for 60 s beside a free slot; see its log`,
    )
}

/** Clocks that differ by more than 5 s, and what the others do not have in common with the one that runs longest. */
export function daemonWarnings(daemons: readonly SeenDaemon[]): string[] {
  const [first, ...others] = daemons
  const skewed = daemons.flatMap((daemon) => skewWarning(daemon) ?? [])
  if (!first) return skewed
  return [...skewed, ...others.flatMap((other) => [...differences(other, first, first.host).values()])]
}
