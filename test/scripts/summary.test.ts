import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '../support/backends.ts'

function summary(report: unknown, code: string): string {
  const path = join(testDirectory(), 'report.json')
  if (report !== undefined) writeFileSync(path, typeof report === 'string' ? report : JSON.stringify(report))
  return execFileSync(process.execPath, ['scripts/summary.ts', path, code], { encoding: 'utf8' })
}

function file(status: string, ...assertions: string[]) {
  const failureMessages = (one: string) => (one === 'passed' ? [] : ['why'])
  const results = assertions.map((one, n) => ({
    status: one,
    fullName: `${one} ${n}`,
    failureMessages: failureMessages(one),
  }))
  return { status, assertionResults: results }
}

test.each([
  ['all passed', { numPassedTests: 7, testResults: [file('passed', 'passed')] }, '0', '7 passed, 0 failed\n'],
  [
    'failed tests are counted',
    { numPassedTests: 7, testResults: [file('failed', 'failed', 'passed', 'failed')] },
    '1',
    '7 passed, 2 failed\n',
  ],
  [
    'a file that fails as a whole is one',
    { numPassedTests: 3, testResults: [file('failed')] },
    '1',
    '3 passed, 1 failed\n',
  ],
  ['a failure with nothing to show is one', { numPassedTests: 3, testResults: [] }, '2', '3 passed, 1 failed\n'],
  [
    'what passed at its second try is named',
    {
      numPassedTests: 1,
      testResults: [
        { status: 'passed', assertionResults: [{ status: 'passed', fullName: 'a b', failureMessages: ['why'] }] },
      ],
    },
    '0',
    'tried again: a b\n1 passed, 0 failed\n',
  ],
  ['no report', undefined, '1', '0 passed, 1 failed\n'],
  ['an empty report', '', '0', '0 passed, 1 failed\n'],
])('%s', (_, report, code, expected) => {
  expect(summary(report, code)).toBe(expected)
})
