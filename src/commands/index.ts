import type { Config } from '@oclif/core/config'
import type { BaseCommand } from '#command.ts'

/** A command that can be made and run. */
export type CommandClass = (new (
  argv: string[],
  config: Config,
) => BaseCommand) &
  Pick<typeof BaseCommand, 'id' | 'args' | 'flags' | 'baseFlags' | 'description' | 'examples' | 'strict'>

export interface CommandEntry {
  /** One line for the overview. */
  summary: string
  load: () => Promise<CommandClass>
}

const entry = (summary: string, load: () => Promise<{ default: unknown }>): CommandEntry => ({
  summary,
  load: async () => (await load()).default as CommandClass,
})

/** Every command by the words that name it, in the order of the overview. Nothing is loaded before it is run. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: entry('write the files that people edit', () => import('./init.ts')),
  chat: entry('talk to the agent', () => import('./chat.ts')),
  agent: entry('run one task without a person, NDJSON on stdout', () => import('./agent.ts')),
  'channels-manager': entry('the daemon: runs scheduled jobs, serves Telegram', () => import('./channels-manager.ts')),
  'schedules list': entry('all jobs and when they fire next', () => import('./schedules/list.ts')),
  'schedules show': entry('one job', () => import('./schedules/show.ts')),
  'schedules create': entry('schedule a prompt', () => import('./schedules/create.ts')),
  'schedules update': entry('change a job', () => import('./schedules/update.ts')),
  'schedules pause': entry('no fires until it is resumed', () => import('./schedules/pause.ts')),
  'schedules resume': entry('fires again, from now on', () => import('./schedules/resume.ts')),
  'schedules delete': entry('delete jobs; their runs stay', () => import('./schedules/delete.ts')),
  'schedules run': entry('run a job now, here', () => import('./schedules/run.ts')),
  'schedules runs': entry('what became of the fires', () => import('./schedules/runs.ts')),
  'schedules preview': entry('the next fires of an expression or a job', () => import('./schedules/preview.ts')),
  'plans list': entry('all plans, newest first', () => import('./plans/list.ts')),
  'plans show': entry('one plan as markdown', () => import('./plans/show.ts')),
  'plans delete': entry('delete plans', () => import('./plans/delete.ts')),
  'conversations list': entry('all conversations, newest first', () => import('./conversations/list.ts')),
  'conversations show': entry('one conversation', () => import('./conversations/show.ts')),
  'conversations delete': entry('delete conversations', () => import('./conversations/delete.ts')),
  'conversations search': entry('find words in conversations', () => import('./conversations/search.ts')),
  export: entry('write a conversation into a file', () => import('./export.ts')),
  'history list': entry('lines typed into the chat', () => import('./history/list.ts')),
  'storage copy': entry('copy everything into another backend', () => import('./storage/copy.ts')),
  'storage verify': entry('compare two backends, or find damage in one', () => import('./storage/verify.ts')),
  migrate: entry('bring storage up to date, import what is older', () => import('./migrate.ts')),
  status: entry('whether storage, gateway and daemons are well', () => import('./status.ts')),
  'config get': entry('a setting in effect', () => import('./config/get.ts')),
  'config set': entry('change a setting in its file', () => import('./config/set.ts')),
  'config path': entry('which files are read', () => import('./config/path.ts')),
  version: entry('the version', () => import('./version.ts')),
}

/** What a topic is about, for the overview. */
export const TOPICS: Readonly<Record<string, string>> = {
  schedules: 'jobs: create, list, update, pause, run, runs and more',
  plans: 'plans: list, show, delete',
  conversations: 'conversations: list, show, delete, search',
  history: 'shell history: list',
  storage: 'backends: copy, verify',
  config: 'settings: get, set, path',
}

export interface FoundCommand {
  id: string
  entry: CommandEntry
  /** How many words of the command line name it. */
  words: number
}

/** The command that the first words of a command line name. */
export function findCommand(argv: readonly string[]): FoundCommand | undefined {
  for (const words of [2, 1]) {
    const id = argv.slice(0, words).join(' ')
    const entry = Object.hasOwn(COMMANDS, id) ? COMMANDS[id] : undefined
    if (entry && argv.length >= words) return { id, entry, words }
  }
  return undefined
}
