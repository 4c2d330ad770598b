import { render, useInput, useWindowSize } from 'ink'
import { useState } from 'react'
import { InferError } from '#errors.ts'
import { inkReady } from './ink-ready.ts'
import { keyName } from './input/key-name.ts'
import { type Picker, picked, pressPicker, startPicker } from './picker.ts'
import { PickerView } from './screen/picker-view.tsx'
import type { Theme } from './theme.ts'

/** Lets a person choose a model before the chat begins. Throws E_INTERRUPTED when none is. */
export async function pickModel(models: readonly string[], theme: Theme, signal: AbortSignal): Promise<string> {
  const chosen = Promise.withResolvers<string>()
  const items = models.map((id) => ({ id, label: id, hint: '' }))
  const leave = () => chosen.reject(new InferError('E_INTERRUPTED', 'interrupted, no model was chosen'))
  await inkReady()
  const screen = render(<ModelPicker first={startPicker('Model', items)} theme={theme} {...chosen} leave={leave} />, {
    exitOnCtrlC: false,
    interactive: true,
    patchConsole: false,
  })
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await chosen.promise
  } finally {
    signal.removeEventListener('abort', leave)
    screen.clear()
    screen.unmount()
  }
}

interface ModelPickerProps {
  readonly first: Picker
  readonly theme: Theme
  readonly resolve: (model: string) => void
  readonly leave: () => void
}

function ModelPicker({ first, theme, resolve, leave }: ModelPickerProps) {
  const [picker, setPicker] = useState(first)
  const { columns, rows } = useWindowSize()
  useInput((input, key) => {
    const name = keyName(input, key)
    const item = name === 'enter' ? picked(picker) : undefined
    if (item) resolve(item.id)
    else if (name === 'esc' || name === 'ctrl+c') leave()
    else setPicker(pressPicker(picker, name, input))
  })
  return <PickerView picker={picker} theme={theme} columns={columns} height={Math.max(1, rows - 4)} />
}
