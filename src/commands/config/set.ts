import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'

export default class ConfigSet extends BaseCommand {
  static override description =
    "Change a setting and keep the comments of its file: the project's if there is one, else yours. Secrets go to yours."
  static override examples = [
    '<%= config.bin %> config set storage.type postgres',
    '<%= config.bin %> config set gateway.url http://gateway:8080 --userspace',
  ]
  static override args = {
    key: requiredArg('Such as storage.type.'),
    value: requiredArg('As an environment variable would give it; lists with commas.'),
  }
  static override flags = {
    ...jsonFlags,
    userspace: boolean({ description: 'Write ~/.infer/config.yaml even where the project has one.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigSet)
    const { setSetting } = await import('#config/edit.ts')
    const surroundings = await this.surroundings()
    const { file, overriddenBy } = await setSetting(args.key, args.value, {
      ...surroundings,
      userspace: flags.userspace,
    })
    if (overriddenBy !== undefined) this.warning(`${overriddenBy} still decides ${args.key}`)
    this.printResult(flags, { file, overridden_by: overriddenBy ?? null }, () => file)
  }
}
