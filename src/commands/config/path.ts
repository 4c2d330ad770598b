import { join } from 'node:path'
import { BaseCommand, jsonFlags } from '#command.ts'

export default class ConfigPath extends BaseCommand {
  static override description = 'Print the config.yaml files that are read, the one that wins first.'
  static override examples = ['<%= config.bin %> config path']
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(ConfigPath)
    const { files, configDir } = await this.settings()
    this.printResult(flags, { config_dir: configDir, files }, () =>
      files.length === 0 ? `none yet; infer init writes ${join(configDir, 'config.yaml')}` : files.join('\n'),
    )
  }
}
