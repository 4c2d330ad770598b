import type { StorageType } from '#storage/options.ts'

/** The backends that more than one process can use. */
export const DURABLE = ['jsonl', 'sqlite', 'postgres', 'redis'] as const satisfies StorageType[]

export type Durable = (typeof DURABLE)[number]
