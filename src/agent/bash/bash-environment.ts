/** Said in half of all configurations as `${HOME}/…`, no secret, and little works without them. */
const PLAIN = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'TMPDIR', 'TERM', 'LANG', 'TZ', 'HOSTNAME'])

/** What a shell reads code from before its first command. */
const STARTUP = /^(BASH_ENV|ENV|SHELLOPTS|BASHOPTS|BASH_FUNC_.*)$/

/**
 * The environment of commands that the agent or the person at the chat runs: without `INFER_*`, without the variables
 * that the configuration substitutes (they hold its secrets; PATH, HOME and their like stay), and without anything that
 * would wait for a person: no pager, no prompt of git.
 */
export function bashEnvironment(env: NodeJS.ProcessEnv, hidden: ReadonlySet<string>): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^INFER_/i.test(name) && (!hidden.has(name) || PLAIN.has(name)))
  return { ...Object.fromEntries(kept), PAGER: 'cat', GIT_PAGER: 'cat', GIT_TERMINAL_PROMPT: '0' }
}

/** The same for a command from the list: also nothing is run but the program, and that from no relative directory. */
export function listedEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !STARTUP.test(name))
  const path = (env.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':').filter((directory) => directory.startsWith('/'))
  return { ...Object.fromEntries(kept), PATH: path.join(':') }
}
