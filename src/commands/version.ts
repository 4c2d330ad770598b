import { BaseCommand, jsonFlags } from '#command.ts'

export default class Version extends BaseCommand {
  static override description = 'Print the version.'
  static override examples = ['<%= config.bin %> version', '<%= config.bin %> version --json']
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Version)
    const { version } = this.config
    this.printResult(flags, { version, node: process.version }, () => `infer ${version}`)
  }
}
