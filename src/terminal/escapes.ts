const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/**
 * Control characters and direction marks as visible escapes such as `\x1b`, newline and tab kept, so that stored text
 * cannot move the cursor or hide what it says.
 */
export function visible(text: string): string {
  return text.replaceAll(CONTROL, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** `visible` on one line: newlines and tabs become spaces. */
export function oneLine(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ')).trim()
}

/** An indented JSON document in which every control character is escaped: JSON itself leaves some as they are. */
export function jsonText(data: unknown): string {
  return JSON.stringify(data, null, 2).replaceAll(CONTROL, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}
