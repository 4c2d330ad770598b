import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** What every function of the configuration is told about the process; nothing below reads it by itself. */
export interface Surroundings {
  /** Absolute. */
  readonly cwd: string
  /** Absolute; what `~` means. */
  readonly home: string
  readonly env: Environment
}

export type Environment = Readonly<Record<string, string | undefined>>

/** `$HOME`, else what the system knows of the user. */
export function homeOf(env: Environment): string {
  return env.HOME === undefined || env.HOME === '' ? homedir() : resolve(env.HOME)
}

/** `.infer` of the working directory and of the user; the same place when the working directory is the home. */
export function places({ cwd, home }: Pick<Surroundings, 'cwd' | 'home'>): { projectDir: string; userDir: string } {
  return { projectDir: join(cwd, '.infer'), userDir: join(home, '.infer') }
}

/** Where plans and logs go: `./.infer` if its config.yaml exists, else `~/.infer` if that one exists, else `./.infer`. */
export function configDirOf(surroundings: Pick<Surroundings, 'cwd' | 'home'>): string {
  const { projectDir, userDir } = places(surroundings)
  if (existsSync(join(projectDir, 'config.yaml'))) return projectDir
  return existsSync(join(userDir, 'config.yaml')) ? userDir : projectDir
}

/** An absolute path: `~` and `~/…` are below home, a relative path is below base. */
export function resolvePath(path: string, { base, home }: { base: string; home: string }): string {
  if (path === '~') return home
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(base, path)
}
