import { describe, expect, test } from 'vitest'
import { parseScenarios } from '#gateway/scripted/load-scenarios.ts'
import { matchExpression } from '#gateway/scripted/scenario.ts'

test('a file with every field is read as it is written', async () => {
  const source = `
fallback: { content: "Nothing left." }
scenarios:
  - name: all-fields
    match: '(?i)^do it'
    expand: true
    turns:
      - content: "text"
        reasoning: "thought"
        tool_calls: [{ name: Read, args: { file_path: "a.txt", limit: 3 } }, { name: Tree }]
        usage: { prompt_tokens: 1, completion_tokens: 2 }
        chunk_size: 4
        delay_ms: 0
        error: { status: 429, times: 2 }
        stall: { times: -1, connect: true }
        malformed: true
`
  expect(await parseScenarios(source, 'x.yaml')).toEqual({
    fallback: { content: 'Nothing left.' },
    scenarios: [
      {
        name: 'all-fields',
        match: '(?i)^do it',
        expand: true,
        turns: [
          {
            content: 'text',
            reasoning: 'thought',
            tool_calls: [{ name: 'Read', args: { file_path: 'a.txt', limit: 3 } }, { name: 'Tree' }],
            usage: { prompt_tokens: 1, completion_tokens: 2 },
            chunk_size: 4,
            delay_ms: 0,
            error: { status: 429, times: 2 },
            stall: { times: -1, connect: true },
            malformed: true,
          },
        ],
      },
    ],
  })
})

const scenario = (lines: string) => `scenarios:\n  - name: a\n    match: x\n${lines}`

describe('a mistake is an error that says where', () => {
  test.each([
    [
      'an unknown key',
      scenario('    turns:\n      - contnt: hi\n'),
      '5:9: scenarios[0].turns[0] has an unknown key "contnt"',
    ],
    ['one at the top', 'scenaros: []\n', '1:1: the file has an unknown key "scenaros"'],
    ['one that objects inherit', 'constructor: 1\n', '1:1: the file has an unknown key "constructor"'],
    [
      'a bad expression',
      'scenarios:\n  - name: a\n    match: "(x"\n    turns: [{}]\n',
      '3:12: scenarios[0].match is no valid',
    ],
    [
      'a foreign expression',
      'scenarios:\n  - name: a\n    match: "[[:alpha:]]"\n    turns: [{}]\n',
      '3:12: scenarios[0].match',
    ],
    ['no turns', scenario('    turns: []\n'), '4:12: scenarios[0].turns needs at least one turn'],
    ['a missing key', 'scenarios:\n  - name: a\n    match: x\n', '2:5: scenarios[0] has no "turns"'],
    [
      'a status',
      scenario('    turns:\n      - error: { status: 400, times: 1 }\n'),
      '5:26: scenarios[0].turns[0].error.status',
    ],
    [
      'times 0',
      scenario('    turns:\n      - stall: { times: 0 }\n'),
      '5:25: scenarios[0].turns[0].stall.times must be',
    ],
    [
      'a wrong type',
      scenario('    turns:\n      - content: 5\n'),
      '5:18: scenarios[0].turns[0].content must be a text',
    ],
    ['an empty value', scenario('    turns:\n'), '4:11: scenarios[0].turns must be a list'],
    [
      'a double name',
      `${scenario('    turns: [{}]\n')}  - name: a\n    match: y\n    turns: [{}]\n`,
      '5:11: scenarios[1].name',
    ],
    ['broken YAML', 'scenarios: [\n', ': no valid YAML: '],
    ['a list at the top', '- a\n', '1:1: the file must be a map'],
    ['nothing at all', '', '1:1: the file is empty'],
  ])('%s', async (_, source, expected) => {
    await expect(parseScenarios(source, 'file.yaml')).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(/^file\.yaml:\d+:\d+: /),
    })
    await expect(parseScenarios(source, 'file.yaml')).rejects.toThrow(expected)
  })
})

test('expressions of Go mean the same here', () => {
  expect(matchExpression('(?i)^say').test('SAY it')).toBe(true)
  expect(matchExpression('^say').test('SAY it')).toBe(false)
  expect(matchExpression('(?is)a.b').test('A\nB')).toBe(true)
  expect(matchExpression('\\Aa(?P<rest>.*)\\z').exec('abc')?.groups?.rest).toBe('bc')
  expect(matchExpression('a\\\\z').test('a\\z')).toBe(true)
  expect(() => matchExpression('\\Qa.b\\E')).toThrow('\\Q is not understood here')
})
