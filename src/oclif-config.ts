import type { Config } from '@oclif/core/config'

/** The installed package: its directory and its package.json. */
export interface Package {
  root: string
  pjson: { name: string; version: string; description: string }
}

/**
 * What oclif's commands, parser and help ask of their configuration. Its own `Config` looks for plugins, hooks, themes
 * and manifests on disk, which takes longer than most commands do.
 */
export function oclifConfig({ root, pjson }: Package): Config {
  const config = {
    root,
    pjson,
    name: pjson.name,
    version: pjson.version,
    bin: 'infer',
    topicSeparator: ' ',
    runHook: async () => ({ successes: [], failures: [] }),
  }
  return config as never
}
