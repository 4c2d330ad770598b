export const BACKENDS = ['jsonl', 'sqlite', 'postgres', 'redis'] as const
export type Backend = (typeof BACKENDS)[number]

/** What went wrong, as a sentence for the person who runs the demo. */
export class DemoError extends Error {}
