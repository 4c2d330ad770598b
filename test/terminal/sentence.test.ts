import { expect, it } from 'vitest'
import { capitalised, sentence } from '#terminal/sentence.ts'

it.each([
  ['there is no plan "x"', 'There is no plan "x".'],
  ['No gateway answers.', 'No gateway answers.'],
  ['did you mean --json?', 'Did you mean --json?'],
  ['storage.type memory ends with this process', 'storage.type memory ends with this process.'],
  ['/a/config.yaml:2:9: storage.type is wrong', '/a/config.yaml:2:9: storage.type is wrong.'],
  ['infer config set x: x is wrong', 'infer config set x: x is wrong.'],
  ['one\n  two', 'One two.'],
])('%j is the sentence %j', (text, expected) => {
  expect(sentence(text)).toBe(expected)
})

it('leaves the end of a hint alone, which may be a command', () => {
  expect(capitalised('give more of the id')).toBe('Give more of the id')
  expect(capitalised('echo "MESSAGE" | infer chat')).toBe('echo "MESSAGE" | infer chat')
})
