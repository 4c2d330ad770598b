import { styleText } from 'node:util'

/** Whether styling is wanted on a stream: a terminal, without NO_COLOR, `--no-color` or TERM=dumb. */
export function hasColour(
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): boolean {
  const refused = argv.includes('--no-color') || argv.includes('--no-colors')
  return stream.isTTY === true && !refused && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
}

/** Styles text, or leaves it alone. */
export function style(colour: boolean, format: Parameters<typeof styleText>[0], text: string): string {
  return colour ? styleText(format, text, { validateStream: false }) : text
}
