import { boolean, string } from '@oclif/core/flags'
import { BaseCommand, requiredArg } from '#command.ts'
import { exportText } from '#commands/conversations/export-text.ts'
import { loadConversation } from '#commands/conversations/find-conversation.ts'
import { writeExport } from '#commands/conversations/write-export.ts'
import { resolvePath } from '#config/paths.ts'

export default class Export extends BaseCommand {
  static override description =
    'Write one conversation into a file, as markdown or JSON, and print its path. A file that exists is kept.'
  static override examples = [
    '<%= config.bin %> export 17c28fd7',
    '<%= config.bin %> export channel-telegram-123 --format json -o - | jq .metadata.title',
    '<%= config.bin %> export 17c28fd7 -o report.md',
  ]
  static override args = {
    session: requiredArg('Id, unique beginning of it, or session group key.'),
  }
  static override flags = {
    format: string({ options: ['markdown', 'json'], default: 'markdown', description: 'What to write.' }),
    output: string({
      char: 'o',
      description: 'File to write, or - for stdout; without it a new file in export.output_dir.',
    }),
    overwrite: boolean({ description: 'Replace the file of --output if it exists.' }),
    'include-hidden': boolean({ description: 'Write entries that are not part of the visible conversation too.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Export)
    const { conversation, outputDir } = await this.withStores(async (stores, { settings }) => ({
      conversation: await loadConversation(stores, args.session),
      outputDir: settings.export.outputDir,
    }))
    for (const sentence of conversation.damage) this.warning(sentence)
    const format = flags.format === 'json' ? 'json' : 'markdown'
    const text = exportText(conversation, { format, includeHidden: flags['include-hidden'] })
    if (flags.output === '-') return this.print(this.shown(text))
    const { cwd, home } = await this.surroundings()
    const path = writeExport(text, {
      ...(flags.output === undefined
        ? { directory: resolvePath(outputDir, { base: cwd, home }), id: conversation.metadata.id }
        : { file: resolvePath(flags.output, { base: cwd, home }), overwrite: flags.overwrite }),
      extension: format === 'json' ? 'json' : 'md',
    })
    this.print(this.shown(path))
  }
}
