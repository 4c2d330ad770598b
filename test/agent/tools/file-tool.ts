import type { Tool } from '#agent/tool.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import type { JsonObject } from '#storage/contract/json.ts'

/** A sandbox of one directory, with `*.env` protected. */
export function sandboxOf(cwd: string, descriptors?: string): Sandbox {
  return new Sandbox({
    cwd,
    directories: ['.'],
    protectedPaths: ['*.env'],
    ...(descriptors === undefined ? {} : { descriptors }),
  })
}

/** A call in its two steps: what is shown to whoever approves it, and the call itself. */
export function callOf<A>(tool: Tool<A>, args: JsonObject, signal = new AbortController().signal) {
  const parsed = tool.parse(args)
  const call = { id: 'c', type: 'function' as const, function: { name: tool.name, arguments: JSON.stringify(args) } }
  return {
    prepare: async () => (await tool.prepare?.(parsed)) ?? '',
    run: async () => (await tool.run(parsed, { signal, call })).data as JsonObject,
  }
}

/** Both steps of a call, one after the other, as the loop takes them. */
export async function carryOut<A>(tool: Tool<A>, args: JsonObject): Promise<JsonObject> {
  const call = callOf(tool, args)
  await call.prepare()
  return await call.run()
}
