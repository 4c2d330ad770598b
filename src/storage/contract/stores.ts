import type { ConversationStorage } from './conversations.ts'
import type { CoordinationStorage } from './coordination.ts'
import type { Damage } from './damage.ts'
import type { BackendName } from './errors.ts'
import type { JobRunStorage } from './job-runs.ts'
import type { PlanStorage } from './plans.ts'
import type { ScheduledJobStorage } from './scheduled-jobs.ts'
import type { SessionGroupStorage } from './session-groups.ts'
import type { ShellHistoryStorage } from './shell-history.ts'

export interface Capabilities {
  /** Other processes see what this one writes. */
  readonly shared: boolean
  /** What is written is there after a restart. */
  readonly durable: boolean
  /** Processes on several machines may share it. */
  readonly multiHost: boolean
}

/** All domains of one backend; one per process, opened at startup and handed down. Closing releases every handle. */
export interface Stores extends AsyncDisposable {
  readonly type: BackendName
  /** For people: a path, or a URL without its password. */
  readonly location: string
  readonly capabilities: Capabilities
  readonly conversations: ConversationStorage
  readonly sessionGroups: SessionGroupStorage
  readonly scheduledJobs: ScheduledJobStorage
  readonly jobRuns: JobRunStorage
  readonly plans: PlanStorage
  readonly shellHistory: ShellHistoryStorage
  readonly coordination: CoordinationStorage

  /**
   * Asks the backend for an answer now; with 'jobs' only what schedules and claims need is looked at. Throws a
   * StorageError that says what is wrong.
   */
  health(of?: 'jobs'): Promise<void>

  /**
   * Looks at everything that is stored, below the level of the domains, and tells what is damaged; sorted by domain and
   * id. Reads only. Takes as long as reading everything once.
   */
  examine(): Promise<Damage[]>
}
