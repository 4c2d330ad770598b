import { type CompactionSettings, compactSession, isNearlyFull, withSystem } from './compaction.ts'
import { promptTokens } from './context-size.ts'
import { type LoopEvent, type LoopRequest, type Room, type RoomRequest, runLoop } from './loop.ts'
import type { ChannelOrigin, OpenedSession } from './open-session.ts'
import { redactJson, redactNothing } from './redact.ts'
import { rollOver } from './rollover.ts'
import { SummaryError } from './summarise.ts'
import type { Titles } from './titles.ts'
import type { AnyTool } from './tool.ts'

export interface ConverseOptions extends Omit<LoopRequest, 'messages' | 'tools' | 'makeRoom' | 'onEarlyResult'> {
  /** The tools of this session; the origin is the channel that its key names. */
  readonly tools: (origin: ChannelOrigin | undefined) => readonly AnyTool[]
  readonly systemPrompt: (origin: ChannelOrigin | undefined) => Promise<string>
  /** Told after the event was stored. */
  readonly onEvent: (event: LoopEvent) => void
  /** Without it nothing is summarised. */
  readonly compaction?: CompactionSettings
  /** Makes titles in the background; whoever gives it settles it. */
  readonly titles?: Titles
  readonly now: () => Date
}

/**
 * Carries out what the last message of the session asks for. Every message is stored before `onEvent` hears of it and
 * before anything else happens. Near the end of the context the session is compacted, or its group rolls over to a new
 * conversation: `opened.session` is that one then. Throws what the loop and the store throw, and the signal's reason
 * when it was aborted; whatever ends it ends the calls that still run.
 */
export async function converse(opened: OpenedSession, options: ConverseOptions): Promise<void> {
  const { tools, systemPrompt, onEvent, compaction, titles, now: _, ...request } = options
  const { client, model, redact = redactNothing } = request
  const inner = new AbortController()
  const signal = AbortSignal.any([request.signal, inner.signal])
  try {
    const system = { role: 'system' as const, content: await systemPrompt(opened.origin) }
    const loop = runLoop({
      ...request,
      signal,
      messages: [system, ...opened.session.messages],
      tools: tools(opened.origin),
      ...(compaction?.enabled === true && {
        makeRoom: onceFailing((room) => makeRoom(opened, room, { ...options, signal, compaction })),
      }),
      onEarlyResult: ({ call, content, outcome }) => opened.session.keepEarly(call, content, outcome),
    })
    for await (const event of loop) {
      const { session } = opened
      if (event.type === 'assistant') await session.addAssistant(redactJson(event.message, redact), event.usage)
      if (event.type === 'tool') await session.addTool(event.call, event.content, event.outcome)
      if (event.type === 'assistant' && event.message.content !== '') titles?.offer(session, { client, model, redact })
      onEvent(event)
      if (event.type === 'end' && event.reason === 'interrupted') signal.throwIfAborted()
    }
  } finally {
    inner.abort()
  }
}

/** Leaves out older messages when the context is nearly full. */
async function makeRoom(
  opened: OpenedSession,
  room: RoomRequest,
  options: ConverseOptions & { compaction: CompactionSettings },
): Promise<Room | undefined> {
  const { client, model, signal, compaction: settings, now, beforeCall } = options
  const { session } = opened
  // Of a session that is resumed the store knows how long its last prompt was, before the answer and what is asked now.
  const stored = { tokens: session.contextTokens, messages: Math.max(0, room.messages.length - 2) }
  const counted = room.counted ?? (session.contextTokens > 0 ? stored : undefined)
  const tokens = promptTokens({ ...room, counted })
  if (!room.full && !(await isNearlyFull(room.messages, tokens, settings.autoAt, { client, model, signal }))) return
  await beforeCall?.()
  const asking = { client, model, signal, settings, now }
  const event =
    opened.group === undefined
      ? await compactSession(session, asking)
      : await rollOver(opened, { ...asking, summarise: 'recent', withoutSummary: 'fail' })
  return event && { messages: withSystem(room.messages, opened.session), event }
}

/** Tries it; a summary that cannot be made is a warning, once, and everything stays as it is. */
function onceFailing(make: (room: RoomRequest) => Promise<Room | undefined>) {
  let failed = false
  return async (room: RoomRequest): Promise<Room | undefined> => {
    if (failed && !room.full) return undefined
    try {
      return await make(room)
    } catch (error) {
      if (!(error instanceof SummaryError)) throw error
      failed = true
      return { messages: undefined, event: { type: 'warning', message: error.message } }
    }
  }
}
