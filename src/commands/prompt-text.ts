import { InferError } from '#errors.ts'

/** The prompt that `--prompt` means; `-` reads stdin. Throws E_USAGE when it is empty. */
export async function promptText(flag: string): Promise<string> {
  const prompt = flag === '-' ? await readStdin() : flag
  if (prompt.trim() === '')
    throw new InferError('E_USAGE', 'the prompt is empty', { hint: 'give --prompt TEXT, or - to read stdin' })
  return prompt
}

async function readStdin(): Promise<string> {
  const { text } = await import('node:stream/consumers')
  return (await text(process.stdin)).replace(/\n$/, '')
}
