import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** Refuses an id that could leave its directory, key or query: E_INVALID before any I/O. */
export function checkId(backend: BackendName, what: string, id: string): void {
  if (!ID.test(id) || id.includes('..')) {
    throw new StorageError('E_INVALID', backend, `${what} id ${JSON.stringify(id)} is not allowed`, {
      hint: 'an id has 1 to 128 letters, digits, ".", "_" or "-", starts with a letter or digit and holds no ".."',
    })
  }
}

/** Whether an id that was found in the store is one of ours. */
export function isId(id: string): boolean {
  return ID.test(id) && !id.includes('..')
}

/** Refuses text that not every backend can keep to the byte: NUL and lone surrogates. */
export function checkText(backend: BackendName, what: string, text: string): void {
  if (text.includes('\0')) throw new StorageError('E_INVALID', backend, `${what} holds a NUL character`)
  if (!text.isWellFormed()) {
    throw new StorageError('E_INVALID', backend, `${what} holds half a surrogate pair, which is not a character`)
  }
}

/** `checkText` on every string of a JSON document, keys included. */
export function checkDocument(backend: BackendName, what: string, value: unknown): void {
  if (typeof value === 'string') checkText(backend, what, value)
  else if (Array.isArray(value)) for (const item of value) checkDocument(backend, what, item)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkText(backend, what, key)
      checkDocument(backend, what, item)
    }
  }
}

/** Refuses a Date that names no moment; ISO text and columns cannot hold it. */
export function checkDate(backend: BackendName, what: string, date: Date): void {
  if (Number.isNaN(date.getTime())) throw new StorageError('E_INVALID', backend, `${what} is not a valid time`)
}

/** Keys of session groups, leases, channels and sources: any text of 1 to 512 characters without NUL. */
export function checkKey(backend: BackendName, what: string, key: string): void {
  if (key === '' || key.length > 512) {
    throw new StorageError('E_INVALID', backend, `${what} must have 1 to 512 characters, it has ${key.length}`)
  }
  checkText(backend, what, key)
}
