import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'

export default class Init extends BaseCommand {
  static override description =
    'Write the files that people edit into ./.infer, every default in them commented out. Files that exist are kept.'
  static override examples = ['<%= config.bin %> init', '<%= config.bin %> init --userspace']
  static override flags = {
    ...jsonFlags,
    userspace: boolean({ description: 'Write into ~/.infer instead.' }),
    overwrite: boolean({ description: 'Replace files that exist.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Init)
    const { seedFiles } = await import('#config/seed.ts')
    const { userspace, overwrite } = flags
    const seeded = await seedFiles({ ...(await this.surroundings()), userspace, overwrite })
    this.printResult(flags, seeded, () => {
      const lines = seeded.map(({ file, action }) => `${action === 'written' ? 'wrote' : 'kept '}  ${file}`)
      const next =
        'Next: infer config set agent.model NAME, then infer chat. Without a gateway: INFER_GATEWAY_MOCK=true infer agent "say hello"'
      return [...lines, next].join('\n')
    })
  }
}
