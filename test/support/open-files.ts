import { readdirSync, readlinkSync } from 'node:fs'

/** Files below a directory that this process has open, also those that are gone. */
export function openBelow(directory: string): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter((path) => path.startsWith(directory))
}
