export interface ChannelCommand {
  /** Lower case, without the slash. */
  readonly name: string
  /** What follows it. */
  readonly rest: string
}

/** The command that a message begins with; a path such as `/etc/hosts` is none. */
export function parseCommand(text: string): ChannelCommand | undefined {
  const [, name, rest = ''] = /^\/(\w{1,32})(?:@\w+)?(?:\s+(.*))?$/s.exec(text.trim()) ?? []
  return name === undefined ? undefined : { name: name.toLowerCase(), rest: rest.trim() }
}

export const HELP = `Send me a task, and I work on it on the computer that runs me. Tools that need it ask you here first.

/new begins a new conversation; what follows it is its first task
/stop ends what I am doing for you
/status says what I am doing
/help shows this

Your messages are handled one after the other; commands other than /new at once.`
