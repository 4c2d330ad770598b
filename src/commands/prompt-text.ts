import { InferError } from '#errors.ts'

/** The prompt that `--prompt` means; `-` reads stdin. Throws E_USAGE when it is empty or no UTF-8. */
export async function promptText(flag: string): Promise<string> {
  const prompt = flag === '-' ? await readStdin() : flag
  if (prompt.trim() === '')
    throw new InferError('E_USAGE', 'the prompt is empty', { hint: 'give --prompt TEXT, or - to read stdin' })
  return prompt
}

async function readStdin(): Promise<string> {
  const { arrayBuffer } = await import('node:stream/consumers')
  const bytes = await arrayBuffer(process.stdin)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\n$/, '')
  } catch (cause) {
    throw new InferError('E_USAGE', 'the prompt on stdin is not UTF-8 text', { cause })
  }
}
