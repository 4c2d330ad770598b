import { Child } from './child.ts'
import type { SchedulerOrders } from './scheduler-child.ts'

/** For what it does by itself, on a busy machine too. */
const PATIENCE_MS = 60_000

interface Started {
  started: string
  job: string
  at: Date
}

/** A scheduler in a process of its own; see scheduler-child.ts for what it can be told. */
export class SchedulerProcess implements AsyncDisposable {
  readonly child = new Child('./scheduler-child.ts')

  /** Returns once it takes jobs. */
  static async begin({ storage: { warn: _, ...storage }, ...orders }: SchedulerOrders): Promise<SchedulerProcess> {
    const scheduler = new SchedulerProcess()
    scheduler.child.send({ storage, ...orders })
    await scheduler.logs(/^jobs are in sync/)
    return scheduler
  }

  /** The runs it has started, once for each claim. */
  get started(): Started[] {
    return this.child.said.filter((said): said is Started => (said as Partial<Started>).started !== undefined)
  }

  /** The messages of its log. */
  get messages(): string[] {
    return this.child.said.flatMap((said) => (said as { log?: string }).log ?? [])
  }

  /** Resolves once a message of its log matches. */
  async logs(message: RegExp): Promise<void> {
    const matches = (said: unknown): said is object => message.test((said as { log?: string }).log ?? '')
    await this.child.hear(`the log ${message}`, matches, PATIENCE_MS)
  }

  /** Sets the clock of its machine so many ms ahead of ours. */
  jump(machineAheadMs: number): void {
    this.child.send({ machineAheadMs })
  }

  /** Asks it to stop and returns its exit code, after its agents have ended. */
  async stop(): Promise<number | null> {
    return await this.child.endInput()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill()
  }
}
