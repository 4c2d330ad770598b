import { makeBackend } from '../support/backends.ts'
import { describeStorage } from './conformance/describe-storage.ts'

describeStorage('memory', () => makeBackend('memory'), {
  processes: 'its data is in the memory of one process, and the daemon refuses it',
})
