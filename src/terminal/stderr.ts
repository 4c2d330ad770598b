let guarded = false

/** Writes to stderr; that nobody reads it any more (`2>&1 | head`) is no error. */
export function writeStderr(text: string): void {
  if (!guarded) process.stderr.on('error', () => {})
  guarded = true
  process.stderr.write(text)
}
