import { makeBackend } from '../support/backends.ts'
import { describeStorage } from './conformance/describe-storage.ts'

describeStorage('postgres', () => makeBackend('postgres'))
