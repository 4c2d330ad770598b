/** Something that can be picked. */
export interface PickerItem {
  readonly id: string
  readonly label: string
  readonly hint: string
}

/** A list to pick from, narrowed by what is typed. Immutable. */
export interface Picker {
  readonly title: string
  readonly items: readonly PickerItem[]
  readonly query: string
  /** Index among the matches. */
  readonly index: number
}

export function startPicker(title: string, items: readonly PickerItem[]): Picker {
  return { title, items, query: '', index: 0 }
}

/** The items that hold every word that was typed, in their order. */
export function matches({ items, query }: Picker): readonly PickerItem[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  return items.filter(({ label, hint, id }) => {
    const text = `${label} ${hint} ${id}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** The item that is chosen; undefined when nothing matches. */
export function picked(picker: Picker): PickerItem | undefined {
  return matches(picker)[picker.index]
}

/** The picker after a key, by its name and the text that it types. */
export function pressPicker(picker: Picker, name: string | undefined, text: string): Picker {
  const count = matches(picker).length
  const at = (index: number) => ({ ...picker, index: Math.max(0, Math.min(count - 1, index)) })
  switch (name) {
    case 'up':
    case 'ctrl+p':
      return at(picker.index - 1)
    case 'down':
    case 'ctrl+n':
      return at(picker.index + 1)
    case 'pgup':
      return at(picker.index - 10)
    case 'pgdown':
      return at(picker.index + 10)
    case 'backspace':
      return { ...picker, query: Array.from(picker.query).slice(0, -1).join(''), index: 0 }
    case 'ctrl+u':
      return { ...picker, query: '', index: 0 }
    default:
      if (text === '' || /^(ctrl|alt|super)\+./.test(name ?? '') || text < ' ') return picker
      return { ...picker, query: picker.query + text, index: 0 }
  }
}

/** The rows around the chosen one, at most `height`, and the index of the first. */
export function windowOf(picker: Picker, height: number): { rows: readonly PickerItem[]; first: number } {
  const all = matches(picker)
  const first = Math.max(0, Math.min(picker.index - Math.floor(height / 2), all.length - height))
  return { rows: all.slice(first, first + height), first }
}
