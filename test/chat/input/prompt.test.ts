import { describe, expect, it } from 'vitest'
import { Keymap } from '#chat/input/keymap.ts'
import { Prompt, type PromptOptions } from '#chat/input/prompt.ts'
import { waitFor } from '../../support/wait-for.ts'

function promptWith(more: Partial<PromptOptions> = {}): { prompt: Prompt; sent: string[] } {
  const sent: string[] = []
  const complete = async () => undefined
  const onSubmit = (text: string) => void sent.push(text)
  return { prompt: new Prompt({ keymap: new Keymap(), complete, onSubmit, onChange: () => {}, ...more }), sent }
}

const text = (prompt: Prompt) => prompt.state.draft.text

describe('the prompt', () => {
  it('puts back cuts in a row as one, and begins anew after another key', () => {
    const { prompt } = promptWith()
    prompt.setText('one two three')
    for (const key of ['ctrl+w', 'ctrl+w', 'ctrl+y']) prompt.press(key, '', 80)
    expect(text(prompt)).toBe('one two three')
    for (const key of ['ctrl+w', 'left', 'ctrl+k', 'ctrl+y', 'ctrl+y']) prompt.press(key, '', 80)
    expect(text(prompt)).toBe('one two  ')
  })

  it('looks for the history when a walk begins, and keys that come meanwhile wait for it', async () => {
    const loaded = Promise.withResolvers<readonly string[]>()
    const { prompt, sent } = promptWith({ history: () => loaded.promise })
    prompt.setHistory(['old'])
    prompt.press('up', '', 80)
    prompt.press('!', '!', 80)
    prompt.paste('?')
    prompt.press('enter', '', 80)
    expect([text(prompt), sent]).toEqual(['', []])
    loaded.resolve(['old', 'from another chat'])
    await waitFor('it is sent', () => sent.length > 0)
    expect(sent).toEqual(['from another chat!?'])
  })

  it('walks what it has when the history does not come', async () => {
    const { prompt } = promptWith({ history: async () => undefined })
    prompt.setHistory(['old'])
    prompt.press('up', '', 80)
    await waitFor('it is shown', () => text(prompt) === 'old')
  })
})
