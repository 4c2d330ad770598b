/** Settings that switch off, whatever the files of configuration say, what would execute, write or connect. */
const OFF: readonly (readonly [string, string])[] = [
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.pager', 'cat'],
  ['core.alternateRefsCommand', ':'],
  ['credential.helper', ''],
  ['diff.submodule', 'short'],
  ['diff.ignoreSubmodules', 'dirty'],
  ['gpg.program', 'gpg'],
  ['gpg.openpgp.program', 'gpg'],
  ['gpg.x509.program', 'gpgsm'],
  ['gpg.ssh.program', 'ssh-keygen'],
  ['gpg.ssh.defaultKeyCommand', ''],
  ['grep.fallbackToNoIndex', 'false'],
  ['help.autocorrect', '0'],
  ['log.diffMerges', 'separate'],
  ['log.showSignature', 'false'],
  ['safe.bareRepository', 'explicit'],
  ['status.submoduleSummary', 'false'],
  ['submodule.recurse', 'false'],
]

/** Drivers have names of their own, so each is switched off by its name; an attribute file only chooses among them. */
const DRIVER =
  /^(filter\..+\.(clean|smudge|process)|diff\..+\.(command|textconv)|diff\.external|merge\..+\.driver|trailer\..+\.(command|cmd)|credential\..+\.helper|man\..+\.cmd|browser\..+\.cmd)$/is
const REQUIRED = /^filter\..+\.required$/is

/**
 * The environment of a git command from a list: nothing inherited that begins with `GIT_` (but
 * where the user's own configuration is), fsmonitor, hooks, pager,
 * editors, prompts, drivers, optional writes and every protocol off. `names` are the settings that are in force.
 */
export function gitEnvironment(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(GIT_(?!CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)$)|SSH_ASKPASS$)/i.test(name),
  )
  const drivers = names.flatMap((name): (readonly [string, string])[] => {
    if (REQUIRED.test(name)) return [[name, 'false']]
    return DRIVER.test(name) ? [[name, '']] : []
  })
  const settings = [...OFF, ...drivers]
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(
      settings.flatMap(([name, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, name],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    GIT_CONFIG_COUNT: String(settings.length),
    GIT_ALLOW_PROTOCOL: '',
    GIT_ASKPASS: '',
    GIT_EDITOR: ':',
    GIT_SEQUENCE_EDITOR: ':',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_PAGER: 'cat',
    GIT_TERMINAL_PROMPT: '0',
  }
}
