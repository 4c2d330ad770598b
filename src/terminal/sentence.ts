/** Programs that a hint may begin with. */
const PROGRAMS = new Set(['infer', 'echo', 'npm', 'npx', 'docker', 'createdb', 'createuser', 'psql', 'redis-cli'])

/** The text on one line and with a capital, unless it begins with a path, a setting or a program. */
export function capitalised(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ').trim()
  const [word = ''] = /^[a-z]+(?=[ ,:]|$)/.exec(line) ?? []
  return word === '' || PROGRAMS.has(word) ? line : `${word.charAt(0).toUpperCase()}${line.slice(1)}`
}

/** `capitalised` with a full stop. */
export function sentence(text: string): string {
  const line = capitalised(text)
  return /[.!?…]$/.test(line) ? line : `${line}.`
}
