import { writeTool } from '#agent/tools/write.ts'
import { carryOut, sandboxOf } from './file-tool.ts'

// Writes what its arguments say, under the limits and the umask that the test gave it: directory, file, size.
const [cwd = '', file_path = '', size = '0'] = process.argv.slice(2)
const tool = writeTool({ sandbox: sandboxOf(cwd), requireApproval: false })
try {
  console.log(JSON.stringify(await carryOut(tool, { file_path, content: 'x'.repeat(Number(size)) })))
} catch (error) {
  console.log((error as Error).message)
}
