import { ToolError } from '#agent/tool.ts'

/** Throws a ToolError for texts that hold half a surrogate pair: no file can hold one. */
export function refuseHalfPairs(texts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(texts)) {
    if (text.isWellFormed()) continue
    throw new ToolError(
      `the arguments are not accepted: ${name} holds half of a surrogate pair; send the whole character`,
    )
  }
}
