import type { AnyTool, ToolContext, ToolResult } from '#agent/tool.ts'

/** A tool named Test that does what it is given. */
export function testTool(
  run: (args: Record<string, unknown>, context: ToolContext) => Promise<ToolResult> | ToolResult,
  more: Partial<AnyTool> = {},
): AnyTool {
  return {
    name: 'Test',
    description: 'does what the test wants',
    parameters: { type: 'object' },
    approvalKey: 'tools.test.require_approval',
    parse: (args) => args,
    needsApproval: () => false,
    run: async (args, context) => await run(args, context),
    ...more,
  }
}
