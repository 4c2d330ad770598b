import type {
  CoordinationStorage,
  InboxMessage,
  Lease,
  PendingApproval,
  SeenDaemon,
} from '#storage/contract/coordination.ts'
import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import { checkDate, checkDocument, checkKey, checkText } from './check.ts'
import type { Documents } from './documents.ts'
import { transactDocument } from './documents.ts'
import { field } from './fields.ts'

const FORGET_DAEMON_MS = 24 * 60 * 60 * 1_000

const LEASES = 'lease/'
/** Beginnings of the keys of what a copy carries. */
const KEPT = ['approval/', 'inbox/', LEASES] as const

type ImportMethods = 'import' | 'imported' | 'importSources' | 'restoreImports'
/** The ledger of imports, which each backend keeps beside its records. */
export type ImportLedger = Pick<CoordinationStorage, ImportMethods>

/** `CoordinationStorage` but the imports, over the documents of a backend. */
export function coordination(documents: Documents): Omit<CoordinationStorage, ImportMethods> {
  const { backend } = documents
  const conflict = (message: string) => new StorageError('E_CONFLICT', backend, message)

  return {
    async beat(daemon) {
      const key = documentKey(backend, 'presence', daemon.id)
      checkDocument(backend, `presence of daemon ${daemon.id}`, daemon)
      checkDate(backend, `since of daemon ${daemon.id}`, daemon.since)
      checkDate(backend, `clock of daemon ${daemon.id}`, daemon.clock)
      await transactDocument(documents, key, (_, now) => ({
        answer: undefined,
        next: {
          ...daemon,
          since: daemon.since.toISOString(),
          clock: daemon.clock.toISOString(),
          lastBeat: now.toISOString(),
        },
      }))
    },
    async leave(daemonId) {
      const key = documentKey(backend, 'presence', daemonId)
      await transactDocument(documents, key, (value) => ({
        answer: undefined,
        ...(value !== undefined && { next: null }),
      }))
    },
    async daemons() {
      const now = await documents.now()
      const seen: SeenDaemon[] = []
      for (const [key, value] of await documents.list('presence/')) {
        const daemon = daemonFromDocument(value)
        if (!isForgotten(daemon, now)) seen.push(daemon)
        else {
          await transactDocument(documents, key, (stored) => ({
            answer: undefined,
            ...(stored && isForgotten(daemonFromDocument(stored), now) && { next: null }),
          }))
        }
      }
      return seen.sort((a, b) => a.since.getTime() - b.since.getTime() || (a.id < b.id ? -1 : 1))
    },

    async records() {
      const found = new Map<string, JsonObject>()
      for (const kind of KEPT) {
        for (const [key, value] of await documents.list(kind)) found.set(key, kind === LEASES ? released(value) : value)
      }
      return found
    },
    async restore(key, record) {
      checkText(backend, 'key of a record', key)
      if (!KEPT.some((kind) => key.startsWith(kind))) {
        throw new StorageError('E_INVALID', backend, `${JSON.stringify(key)} is no key of a record`)
      }
      checkDocument(backend, key, record)
      return await documents.put(key, undefined, record)
    },

    async lease(name) {
      const stored = await documents.get(documentKey(backend, 'lease', name))
      return stored && heldLease(name, stored.value)
    },
    async acquireLease(name, owner, expired) {
      checkKey(backend, 'owner of a lease', owner)
      return await transactDocument(documents, documentKey(backend, 'lease', name), (value) => {
        const holder = value && heldLease(name, value)
        if (holder?.owner === owner) return { answer: holder }
        if (holder && !(expired && holder.fence === expired.fence && holder.beat === expired.beat)) {
          return { answer: undefined }
        }
        const fence = value === undefined ? 1 : field.number(value, 'fence') + 1
        return { answer: { name, owner, fence, beat: 0 }, next: { owner, fence, beat: 0 } }
      })
    },
    async renewLease(name, fence) {
      return await transactDocument(documents, documentKey(backend, 'lease', name), (value) => {
        const holder = value && heldLease(name, value)
        if (holder?.fence !== fence) throw conflict(`the lease ${name} is no longer held on fence ${fence}`)
        const beat = holder.beat + 1
        return { answer: { ...holder, beat }, next: { owner: holder.owner, fence, beat } }
      })
    },
    async releaseLease(name, fence) {
      await transactDocument(documents, documentKey(backend, 'lease', name), (value) =>
        value !== undefined && heldLease(name, value)?.fence === fence
          ? { answer: undefined, next: { owner: '', fence, beat: 0 } }
          : { answer: undefined },
      )
    },

    async inboxOffset(channel) {
      const stored = await documents.get(documentKey(backend, 'inbox', channel))
      return stored && field.number(stored.value, 'offset')
    },
    async acceptMessages(channel, expected, offset, messages) {
      for (const message of messages) {
        checkKey(backend, 'message id', message.id)
        checkDocument(backend, `message ${message.id}`, [message.sender, message.body])
      }
      await transactDocument(documents, documentKey(backend, 'inbox', channel), (value, now) => {
        const stored = value && field.number(value, 'offset')
        if (stored === offset && offset !== expected) return { answer: undefined }
        if (stored !== expected) {
          throw conflict(`the inbox of ${channel} is at ${stored ?? 'its beginning'}, not at ${expected ?? 'it'}`)
        }
        const known = value ? field.list(value, 'messages') : []
        const added = messages.map((message) => ({
          ...message,
          state: 'waiting',
          receivedAt: now.toISOString(),
        }))
        return { answer: undefined, next: { offset, messages: [...known, ...added] } }
      })
    },
    async inbox(channel) {
      const stored = await documents.get(documentKey(backend, 'inbox', channel))
      return stored ? messagesOf(stored.value) : []
    },
    async takeMessage(channel, id, fence) {
      return await transactDocument(documents, documentKey(backend, 'inbox', channel), (value) => {
        const messages = value ? messagesOf(value) : []
        const message = messages.find((one) => one.id === id)
        if (!value || !message) throw new StorageError('E_NOT_FOUND', backend, `message ${id} of ${channel} is done`)
        if (message.state === 'taken' && (message.fence ?? 0) >= fence) {
          throw conflict(`message ${id} of ${channel} is taken`)
        }
        const taken: InboxMessage = { ...message, state: 'taken', fence }
        const next = messages.map((one) => messageToDocument(one.id === id ? taken : one))
        return { answer: taken, next: { ...value, messages: next } }
      })
    },
    async finishMessage(channel, id) {
      await transactDocument(documents, documentKey(backend, 'inbox', channel), (value) => {
        const messages = value ? messagesOf(value) : []
        const rest = messages.filter((one) => one.id !== id)
        if (!value || rest.length === messages.length) return { answer: undefined }
        return { answer: undefined, next: { ...value, messages: rest.map(messageToDocument) } }
      })
    },

    async saveApproval(approval) {
      const key = approvalKey(backend, approval.channel, approval.id)
      checkDate(backend, `expiresAt of approval ${approval.id}`, approval.expiresAt)
      const next = { ...approval, expiresAt: approval.expiresAt.toISOString() }
      checkDocument(backend, `approval ${approval.id}`, next)
      await transactDocument(documents, key, () => ({ answer: undefined, next }))
    },
    async approvals(channel) {
      const stored = await documents.list(approvalPrefix(backend, channel))
      return [...stored.values()]
        .map(approvalFromDocument)
        .sort((a, b) => a.expiresAt.getTime() - b.expiresAt.getTime() || (a.id < b.id ? -1 : 1))
    },
    async resolveApproval(channel, id) {
      const key = approvalKey(backend, channel, id)
      return await transactDocument(documents, key, (value) =>
        value === undefined ? { answer: false } : { answer: true, next: null },
      )
    },
  }
}

function documentKey(backend: BackendName, kind: string, name: string): string {
  checkKey(backend, `${kind} name`, name)
  return `${kind}/${name}`
}

/** The length keeps channels apart whose names hold a slash. */
function approvalPrefix(backend: BackendName, channel: string): string {
  checkKey(backend, 'channel', channel)
  return `approval/${channel.length}/${channel}/`
}

function approvalKey(backend: BackendName, channel: string, id: string): string {
  checkKey(backend, 'approval id', id)
  return `${approvalPrefix(backend, channel)}${id}`
}

function isForgotten(daemon: SeenDaemon, now: Date): boolean {
  return now.getTime() - daemon.lastBeat.getTime() >= FORGET_DAEMON_MS
}

function heldLease(name: string, value: JsonObject): Lease | undefined {
  const owner = field.text(value, 'owner')
  return owner === ''
    ? undefined
    : { name, owner, fence: field.number(value, 'fence'), beat: field.number(value, 'beat') }
}

/** The fence alone: its next holder gets a higher one. */
function released(value: JsonObject): JsonObject {
  return { owner: '', fence: field.number(value, 'fence'), beat: 0 }
}

function daemonFromDocument(doc: JsonObject): SeenDaemon {
  return {
    id: field.text(doc, 'id'),
    host: field.text(doc, 'host'),
    pid: field.number(doc, 'pid'),
    version: field.text(doc, 'version'),
    tzdata: field.text(doc, 'tzdata'),
    timezone: field.text(doc, 'timezone'),
    since: field.date(doc, 'since'),
    scheduler: field.flag(doc, 'scheduler', true),
    behind: field.flag(doc, 'behind', false),
    clock: field.date(doc, 'clock'),
    lastBeat: field.date(doc, 'lastBeat'),
  }
}

function messageToDocument(message: InboxMessage): JsonObject {
  return { ...message, receivedAt: message.receivedAt.toISOString() }
}

function messagesOf(doc: JsonObject): InboxMessage[] {
  return field.list(doc, 'messages').map((value: JsonValue) => {
    const message = value as JsonObject
    const fence = message.fence === undefined ? {} : { fence: field.number(message, 'fence') }
    return {
      id: field.text(message, 'id'),
      sender: field.text(message, 'sender'),
      body: message.body ?? null,
      state: field.oneOf(message, 'state', ['waiting', 'taken'] as const),
      ...fence,
      receivedAt: field.date(message, 'receivedAt'),
    }
  })
}

function approvalFromDocument(doc: JsonObject): PendingApproval {
  return {
    id: field.text(doc, 'id'),
    channel: field.text(doc, 'channel'),
    runId: field.text(doc, 'runId'),
    toolCallId: field.text(doc, 'toolCallId'),
    approver: field.text(doc, 'approver'),
    body: doc.body ?? null,
    expiresAt: field.date(doc, 'expiresAt'),
  }
}
