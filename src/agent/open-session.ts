import { InferError } from '#errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { ABSENT, type SessionGroupStorage, type StoredSessionGroup } from '#storage/contract/session-groups.ts'
import { newSessionId, Session, type SessionOptions } from './session.ts'

export interface OpenSessionOptions extends SessionOptions {
  readonly sessionGroups: SessionGroupStorage
  /** `--session-id`: a conversation id or a session group key; undefined starts a new conversation. */
  readonly asked: string | undefined
  /** Id of a new conversation when none is asked for. */
  readonly newId?: string | undefined
  readonly warn: (message: string) => void
}

/** Where the answers of a session go: the channel and the person of its group key. */
export interface ChannelOrigin {
  readonly channel: string
  readonly recipientId: string
}

export interface OpenedSession {
  /** Another one after a rollover. */
  session: Session
  readonly resumed: boolean
  /** Set when the session was asked for by the key of a channel; never by the resolved id. */
  readonly origin: ChannelOrigin | undefined
  /** The session group that it was asked for by; undefined for a conversation by itself, and with `--no-save`. */
  readonly group?: GroupHandle | undefined
}

/** A session group, and where its entry stands. */
export interface GroupHandle {
  readonly key: string
  readonly store: SessionGroupStorage
}

/** The channel and recipient of a key `channel-<name>-<recipient>`; a recipient may begin with `-`, as groups do. */
export function originOf(key: string | undefined): ChannelOrigin | undefined {
  const [, channel, recipientId] = /^channel-([^-]+)-(.+)$/s.exec(key ?? '') ?? []
  return channel === undefined || recipientId === undefined ? undefined : { channel, recipientId }
}

const ID = /^[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{0,127}$/

/**
 * Finds the conversation to go on with, or starts one.
 *
 * A known group key leads to its current conversation, a known id to that conversation. Only what is unknown starts
 * fresh, with a warning: an id names the new conversation, a key gets one under a new id. What cannot be read is an
 * error (E_CORRUPT and the like) and stays as it is.
 */
export async function openSession(options: OpenSessionOptions): Promise<OpenedSession> {
  const { asked, sessionGroups } = options
  const origin = originOf(asked)
  if (asked === undefined) {
    const session = new Session(options.newId ?? newSessionId(), undefined, options)
    return { session, resumed: false, origin }
  }
  if (asked.trim() === '' || asked.length > 512 || asked.includes('\0') || !asked.isWellFormed()) {
    throw new InferError('E_USAGE', 'The session id is empty, longer than 512 characters, or holds no proper text.', {
      hint: 'Pass the id of a conversation or the key of a session group: --session-id ID',
    })
  }
  const group = await sessionGroups.get(asked)
  const handle = options.save ? { key: asked, store: sessionGroups } : undefined
  if (group) return { ...(await ofGroup(asked, group, options)), origin, group: handle }
  const stored = ID.test(asked) ? await loadIfThere(asked, options) : undefined
  if (stored) return { session: stored, resumed: true, origin }
  if (origin === undefined && ID.test(asked)) {
    options.warn(`There is no session ${asked}; a new one starts under this id.`)
    return { session: new Session(asked, undefined, options), resumed: false, origin }
  }
  return { ...(await newGroup(asked, options)), origin, group: handle }
}

async function loadIfThere(id: string, options: OpenSessionOptions): Promise<Session | undefined> {
  try {
    const conversation = await options.conversations.load(id)
    for (const damage of conversation.damage) options.warn(`Session ${id}: ${damage}.`.replace(/\.+$/, '.'))
    return new Session(id, conversation, options)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'E_NOT_FOUND') return undefined
    throw error
  }
}

type Found = Pick<OpenedSession, 'session' | 'resumed'>

async function ofGroup(key: string, group: StoredSessionGroup, options: OpenSessionOptions): Promise<Found> {
  const stored = await loadIfThere(group.currentSessionId, options)
  if (stored) return { session: stored, resumed: true }
  // Its last conversation was deleted, or the process died before the first message: the id is free.
  options.warn(`Session group ${key} has no conversation ${group.currentSessionId} any more; a new one starts.`)
  return { session: new Session(group.currentSessionId, undefined, options), resumed: false }
}

async function newGroup(key: string, options: OpenSessionOptions): Promise<Found> {
  const { sessionGroups, save, now, warn } = options
  const id = newSessionId()
  if (save) {
    try {
      await sessionGroups.put(key, { currentSessionId: id, history: [], updatedAt: now() }, { expected: ABSENT })
    } catch (error) {
      const group = isConflict(error) ? await sessionGroups.get(key) : undefined
      if (group === undefined) throw error
      return await ofGroup(key, group, options)
    }
  }
  warn(`There is no session group ${key} yet; it starts with session ${id}.`)
  return { session: new Session(id, undefined, options), resumed: false }
}

function isConflict(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'E_CONFLICT'
}
