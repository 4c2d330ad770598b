import { type FoundCommand, findCommand } from './commands/index.ts'
import type { Package } from './oclif-config.ts'

/** Runs one command line and returns its exit code: 0 done, 1 failed, 2 usage, 3 not found, 4 unreachable, 130 interrupted. */
export async function main(argv: readonly string[], installed: Package): Promise<number> {
  try {
    await dispatch(argv, installed)
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    const { describeError, wantsJson } = await import('./report-error.ts')
    const { writeStderr } = await import('./terminal/stderr.ts')
    const { exitCode, json, text } = describeError(error, argv)
    if (wantsJson(argv)) process.stdout.write(`${json}\n`)
    writeStderr(text)
    return exitCode
  }
}

async function dispatch(argv: readonly string[], installed: Package): Promise<void> {
  const words = argv[0] === '--version' || argv[0] === '-V' ? ['version', ...argv.slice(1)] : argv
  const end = words.indexOf('--')
  const flags = end < 0 ? words : words.slice(0, end)
  const asksHelp = words[0] === 'help' || flags.includes('--help') || flags.includes('-h')
  const command = findCommand(words[0] === 'help' ? words.slice(1) : words)
  if (command && !asksHelp) return await runCommand(command, words.slice(command.words), installed)
  const { refuseFlags, showHelp } = await import('./help.ts')
  if (!asksHelp) refuseFlags(words)
  const about = words.filter((word) => !word.startsWith('-') && word !== 'help')
  await showHelp(command ?? about, installed)
}

async function runCommand({ id, entry }: FoundCommand, argv: readonly string[], installed: Package): Promise<void> {
  const [Command, { oclifConfig }] = await Promise.all([entry.load(), import('./oclif-config.ts')])
  Command.id = id
  await new Command([...argv], oclifConfig(installed)).run()
}
