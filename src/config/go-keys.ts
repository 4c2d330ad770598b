/**
 * Keys of the Go CLI that this program has no use for, so that its users' files work as they are. A key stands for
 * everything below it, `*` for any one key. Source: the files that its `infer init` seeds, two releases.
 */
export const GO_KEYS: readonly string[] = [
  'a2a',
  'agent.context',
  'agent.skills',
  'agent.system_prompt_with_defaults',
  'agent.verbose_tools',
  'agent.agents_md.max_lines',
  'chat.input_max_lines',
  'chat.status_bar',
  'claude_code',
  'container_runtime',
  'conversation.title_generation.batch_size',
  'conversation.title_generation.interval',
  'export.summary_model',
  'gateway.exclude_models',
  'gateway.oci',
  'gateway.run',
  'gateway.standalone_binary',
  'gateway.vision_enabled',
  'git',
  'image',
  'logging.archive',
  'mcp',
  'pricing.custom_prices.*.requires_pro',
  'speech_to_text',
  'storage.d1',
  'telemetry',
  'tools.agent',
  'tools.bash.background_shells',
  'tools.edit.strict_whitespace',
  'tools.github',
  'tools.grep.backend',
  'tools.max_result_bytes',
  'tools.wait',
  'tools.web_fetch.cache',
  'tools.web_search',
  'web',
]

/** The same for `channels.yaml`. */
export const GO_CHANNEL_KEYS: readonly string[] = ['image_retention', 'whatsapp']

/** The same for `prompts.yaml`. */
export const GO_PROMPT_KEYS: readonly string[] = [
  'agent.system_prompt_heartbeat',
  'agent.system_reminders',
  'git',
  'init',
]

/** Whether one of the keys is this path or stands above it. */
export function covers(keys: readonly string[], path: readonly string[]): boolean {
  return keys.some((key) =>
    key.split('.').every((part, index) => (part === '*' ? path[index] !== undefined : part === path[index])),
  )
}
