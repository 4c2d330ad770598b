import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, optionalArg } from '#command.ts'

export default class ConfigGet extends BaseCommand {
  static override description = 'Print a setting in effect, or a whole section. Secrets are masked.'
  static override examples = ['<%= config.bin %> config get storage.type', '<%= config.bin %> config get tools --json']
  static override args = { key: optionalArg('Such as storage.type; everything without it.') }
  static override flags = {
    ...jsonFlags,
    'show-secrets': boolean({ description: 'Print secrets as they are.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigGet)
    await this.settings()
    const { getSetting } = await import('#config/edit.ts')
    const surroundings = await this.surroundings()
    const value = await getSetting(args.key ?? '', { ...surroundings, showSecrets: flags['show-secrets'] })
    const { stringify } = await import('yaml')
    this.printResult(flags, value, () => (typeof value === 'object' ? stringify(value) : String(value)))
  }
}
