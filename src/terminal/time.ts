/**
 * A moment as `2026-11-23 09:00:00 Europe/Berlin`, in that zone; seconds are shown because a fire is a whole second.
 */
export function inZone(moment: Date, timezone: string): string {
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(moment)
  return `${parts} ${timezone}`
}

/** `3 s ago`, `in 5 min`, `2 h ago`, `in 3 d`: a rough distance from now. */
export function relative(moment: Date, now: Date): string {
  const seconds = Math.round((moment.getTime() - now.getTime()) / 1_000)
  const size = Math.abs(seconds)
  const text =
    size < 60
      ? `${size} s`
      : size < 3_600
        ? `${Math.round(size / 60)} min`
        : size < 86_400
          ? `${Math.round(size / 3_600)} h`
          : `${Math.round(size / 86_400)} d`
  if (seconds === 0) return 'now'
  return seconds > 0 ? `in ${text}` : `${text} ago`
}
