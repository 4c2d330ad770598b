/** The id of the job whose stored form the yardsticks copy. */
export const TEMPLATE = 'template'

/** The id of the conversation that the yardsticks append to, and how many entries it has at the beginning. */
export const CONVERSATION = 'conversation'
export const CONVERSATION_LENGTH = 10

/**
 * The fewest raw statements that leave the same rows, keys or bytes behind, as durable as ours. They write what our
 * backend has stored for the template, under other ids: nothing is validated, formatted, locked or compared that the
 * write itself does not need.
 */
export interface Yardstick extends AsyncDisposable {
  /** Adds one entry to the conversation, which has `length`, and replaces its metadata. */
  append(length: number): Promise<void>
  /** Stores a new definition with its scheduling state. */
  createJob(id: string): Promise<void>
  /** Replaces the definition by one with another prompt; its schedule stays. */
  changeJob(id: string, prompt: string): Promise<void>
  /** Adds a line to the history. */
  addCommand(command: string): Promise<void>
}
