/** What a child of a test must not inherit: settings of the person or CI that runs the tests, and what vitest sets. */
const LEAKS =
  /^(INFER_|PG[A-Z]|REDIS|VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_PATH$|(FORCE|NO|CLI)_COLOR|COLOR|CI$|TERM|TMUX|LINES$|TEST$|DEV$|PROD$|MODE$)/

/** The environment without what must not leak, with `extra` on top. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !LEAKS.test(name))
  return { ...Object.fromEntries(kept), ...extra }
}

/** Takes settings of the person who runs the tests out of this process; `INFER_TEST_*` stay. */
export function stripEnvironment(): void {
  for (const name of Object.keys(process.env)) {
    if (/^(INFER_(?!TEST_)|PG[A-Z]|REDIS)/.test(name)) delete process.env[name]
  }
}
