import { string as argument } from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { boolean, string } from '@oclif/core/flags'
import type { LoadedSettings, SomeSettings } from '#config/load.ts'
import { InferError } from '#errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { StorageOptions } from '#storage/options.ts'
import { jsonText, oneLine, visible } from '#terminal/escapes.ts'
import { writeStderr } from '#terminal/stderr.ts'
import { hasColour } from '#terminal/style.ts'

/** Flags of every command that prints data. */
export const jsonFlags = {
  json: boolean({ description: 'Print one JSON document and nothing else.' }),
  format: string({ options: ['json'], description: 'Same as --json.', hidden: true }),
}

/** Without `ignoreStdin` oclif takes what a pipe holds for an argument that is missing, and waits for it. */
const ON_THE_LINE = { ignoreStdin: true } as const

export const requiredArg = (description: string) => argument({ ...ON_THE_LINE, required: true, description })
export const optionalArg = (description: string) => argument({ ...ON_THE_LINE, description })

interface Surroundings {
  cwd: string
  home: string
  env: NodeJS.ProcessEnv
}

/** What every command has: settings, stores, and the ways to print. */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    'no-color': boolean({ aliases: ['no-colors'], description: 'No styling.', helpGroup: 'GLOBAL' }),
    debug: boolean({ description: 'Show the stack trace of an error.', helpGroup: 'GLOBAL', hidden: true }),
  }

  #settings: Promise<LoadedSettings> | undefined
  readonly #warned = new Set<string>()

  /** The settings, read once; warnings and the line about trust go to stderr. Throws E_CONFIG. */
  protected settings(flags?: SomeSettings): Promise<LoadedSettings> {
    this.#settings ??= this.#loadSettings(flags)
    return this.#settings
  }

  async #loadSettings(flags: SomeSettings | undefined): Promise<LoadedSettings> {
    const { loadSettings } = await import('#config/load.ts')
    const askTrust = this.asksTrust
    const loaded = await loadSettings({ ...(await this.surroundings()), ...(flags && { flags }), askTrust })
    for (const warning of loaded.warnings) this.warning(warning)
    if (loaded.trust.sentence === undefined) return loaded
    if (askTrust) await this.#askTrust(loaded)
    else this.warning(loaded.trust.sentence)
    return loaded
  }

  /** Whether this command asks for an agreement to a project's files, and remembers it, instead of warning. */
  protected get asksTrust(): boolean {
    return false
  }

  /** Throws E_CONFIG when the answer is no. */
  async #askTrust({ trust }: LoadedSettings): Promise<void> {
    const { recordTrust } = await import('#config/trust.ts')
    this.note('This directory brings settings of its own that decide where infer connects or what it may do:')
    for (const { file, keys } of trust.untrusted) this.note(`  ${file}: ${keys.join(', ')}`)
    if (!(await this.#ask('Use them, here and from now on?', 'interrupted, nothing is trusted'))) {
      throw new InferError('E_CONFIG', 'the settings of this directory are not trusted, so nothing was begun', {
        hint: 'read the files, or start infer in another directory',
      })
    }
    recordTrust(trust.untrusted, await this.surroundings())
  }

  protected async surroundings(): Promise<Surroundings> {
    const { homeOf } = await import('#config/paths.ts')
    return { cwd: process.cwd(), home: homeOf(process.env), env: process.env }
  }

  /** Opens the configured backend for the duration of `use`, and closes it whatever happens. */
  protected async withStores<T>(
    use: (stores: Stores, loaded: LoadedSettings) => Promise<T>,
    more: Partial<Pick<StorageOptions, 'migrate'>> & { poolSize?: number } = {},
  ): Promise<T> {
    const loaded = await this.settings()
    const { openStores } = await import('#storage/index.ts')
    await using stores = await openStores({ ...(await this.storageOptions(loaded)), ...more } as StorageOptions)
    return await use(stores, loaded)
  }

  protected async storageOptions(loaded: LoadedSettings): Promise<StorageOptions> {
    const { storageOptions } = await import('#config/storage.ts')
    const { cwd, home } = await this.surroundings()
    const warn = (message: string) => this.warning(message)
    return storageOptions(loaded.settings, { cwd, home, configDir: loaded.configDir, warn })
  }

  /** Whether stdout is a terminal. */
  protected get onTerminal(): boolean {
    return process.stdout.isTTY === true
  }

  /** Width for tables: the terminal's, undefined in a pipe. */
  protected get columns(): number | undefined {
    return this.onTerminal ? (process.stdout.columns ?? 80) : undefined
  }

  protected get colour(): boolean {
    return hasColour(process.stdout, process.env, process.argv)
  }

  /** Text for people on stdout, a newline behind it. */
  protected print(text: string): void {
    process.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`)
  }

  /** The data as JSON when that was asked for, else as text, which on a terminal has its control characters escaped. */
  protected printResult(flags: { json: boolean; format: string | undefined }, data: unknown, text: () => string): void {
    if (flags.json || flags.format === 'json') this.print(jsonText(data))
    else this.print(this.shown(text()))
  }

  /** Stored text as it may be printed. */
  protected shown(text: string): string {
    return this.onTerminal ? visible(text) : text
  }

  /** One line on stderr, the first time it is given. */
  protected warning(sentence: string): void {
    if (this.#warned.has(sentence)) return
    this.#warned.add(sentence)
    writeStderr(`infer: warning: ${oneLine(sentence)}\n`)
  }

  protected note(sentence: string): void {
    writeStderr(`${visible(sentence)}\n`)
  }

  /**
   * Asks on a terminal unless `yes`; a pipe needs no answer. Throws E_FAILED when the answer is not y or yes, and
   * E_INTERRUPTED at Ctrl-C.
   */
  protected async confirm(question: string, yes: boolean): Promise<void> {
    if (yes || !process.stdin.isTTY || !this.onTerminal) return
    if (!(await this.#ask(question, 'interrupted, nothing was deleted'))) {
      throw new InferError('E_FAILED', 'nothing was deleted')
    }
  }

  /** Whether the answer is y or yes. Throws E_INTERRUPTED with the sentence at Ctrl-C. */
  async #ask(question: string, interrupted: string): Promise<boolean> {
    const { createInterface } = await import('node:readline')
    using terminal = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await new Promise<string>((resolve, reject) => {
      terminal.once('SIGINT', () => reject(new InferError('E_INTERRUPTED', interrupted)))
      terminal.once('close', () => resolve(''))
      terminal.question(`${oneLine(question)} [y/N] `, resolve)
    })
    return /^y(es)?$/i.test(answer.trim())
  }
}
