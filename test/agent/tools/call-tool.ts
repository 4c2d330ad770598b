import type { AnyTool } from '#agent/tool.ts'
import type { JsonObject } from '#storage/contract/json.ts'

/** Parses the arguments and runs a tool, as a call of the model does. */
export async function callTool(
  tool: AnyTool,
  args: JsonObject,
  signal: AbortSignal = new AbortController().signal,
): Promise<JsonObject> {
  const call = { id: 'c', type: 'function' as const, function: { name: tool.name, arguments: JSON.stringify(args) } }
  const { data } = await tool.run(tool.parse(args), { signal, call })
  return data as JsonObject
}
