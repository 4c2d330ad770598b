import { CommandHelp } from '@oclif/core/help'
import { COMMANDS, type CommandEntry, type FoundCommand, TOPICS } from './commands/index.ts'
import { InferError } from './errors.ts'
import type { Package } from './oclif-config.ts'
import { oclifConfig } from './oclif-config.ts'
import { hasColour } from './terminal/style.ts'
import { closest } from './usage-error.ts'

/** Widest help, in columns. */
const WIDTH = 100

/** Prints the help of a command, of a topic, or the overview. Throws E_USAGE with the nearest name for anything else. */
export async function showHelp(about: FoundCommand | readonly string[], installed: Package): Promise<void> {
  const text = 'entry' in about ? await commandHelp(about, installed) : await topicHelp(about, installed)
  process.stdout.write(`${text}\n`)
}

async function topicHelp(words: readonly string[], installed: Package): Promise<string> {
  const [topic, second] = words
  if (topic === undefined) return overview(installed)
  const isTopic = Object.hasOwn(TOPICS, topic)
  if (isTopic && second === undefined) {
    const inTopic = Object.entries(COMMANDS).filter(([id]) => id.startsWith(`${topic} `))
    return `infer ${topic}\n\n${rows(inTopic)}\n\nMore: infer help ${topic} COMMAND`
  }
  const known = isTopic ? Object.keys(COMMANDS) : [...Object.keys(COMMANDS), ...Object.keys(TOPICS)]
  const typed = isTopic ? `${topic} ${second}` : topic
  const near = closest(typed, known)
  const hint = near === undefined ? 'infer help lists the commands' : `did you mean: infer ${near}`
  throw new InferError('E_USAGE', `there is no command ${JSON.stringify(typed)}`, { hint })
}

/** Flags are a command's: before one, or without one, only those that ask for help or the version mean something. */
export function refuseFlags(words: readonly string[]): void {
  const [first] = words
  if (!first?.startsWith('-')) return
  const [flag = ''] = first.split('=')
  throw new InferError('E_USAGE', `${flag} stands before the command`, { hint: 'infer COMMAND, and flags behind it' })
}

function overview({ pjson: { version, description } }: Package): string {
  const first = ['init', 'chat', 'agent']
  const single = Object.entries(COMMANDS).filter(([id]) => !id.includes(' ') && !first.includes(id))
  const topics = Object.entries(TOPICS).map(([topic, summary]): [string, { summary: string }] => [topic, { summary }])
  return `infer ${version}: ${description}

Begin with
${rows(first.map((id) => [id, COMMANDS[id] as CommandEntry]))}

Everything else
${rows([...single, ...topics])}

Without a gateway: INFER_GATEWAY_MOCK=true infer agent "say hello"
More: infer help COMMAND`
}

function rows(entries: readonly (readonly [string, { summary: string }])[]): string {
  const width = Math.max(...entries.map(([id]) => id.length)) + 2
  return entries.map(([id, { summary }]) => `  ${id.padEnd(width)}${summary}`).join('\n')
}

async function commandHelp({ id, entry }: FoundCommand, installed: Package): Promise<string> {
  const command = await entry.load()
  const flags = { ...command.baseFlags, ...command.flags }
  for (const [name, flag] of Object.entries(flags)) flag.name = name
  for (const [name, arg] of Object.entries(command.args)) arg.name = name
  const { args, description, examples, strict } = command
  const described = { id, flags, args, description, examples, strict }
  const maxWidth = Math.min(process.stdout.columns ?? WIDTH, WIDTH)
  const stripAnsi = !hasColour(process.stdout, process.env, process.argv)
  return new CommandHelp(described as never, oclifConfig(installed), { maxWidth, stripAnsi }).generate()
}
