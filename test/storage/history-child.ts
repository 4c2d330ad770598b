/** Appends so many commands to a history file, one after the other. Arguments: path, name, count. */
import { FileShellHistory } from '#storage/jsonl/shell-history.ts'

const [path = '', name = '', count = ''] = process.argv.slice(2)
using history = new FileShellHistory(path)
for (let n = 0; n < Number(count); n++) await history.append(`${name} ${n} ${'x'.repeat(n % 2_003)}`)
process.stdout.write(`${JSON.stringify('done')}\n`)
