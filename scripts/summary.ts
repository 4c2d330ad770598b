/**
 * Prints the closing line of a test run, `N passed, N failed`, from vitest's JSON report and the exit code. Before it
 * stand the tests that passed only when they were tried again, one a line.
 */
import { readFileSync } from 'node:fs'

interface Report {
  numPassedTests: number
  testResults: { status: string; assertionResults: { status: string; fullName: string; failureMessages: string[] }[] }[]
}

/** A file that failed as a whole counts as one; so does a run that failed without a failed test to show. */
function countFailed(report: Report): number {
  return report.testResults.reduce((sum, file) => {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed').length
    return sum + (failed === 0 && file.status === 'failed' ? 1 : failed)
  }, 0)
}

function summarize(path: string, code: string): string {
  let passed = 0
  let failed = 0
  let again: string[] = []
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report
    passed = report.numPassedTests
    failed = countFailed(report)
    again = report.testResults
      .flatMap(({ assertionResults }) =>
        assertionResults.filter(({ status, failureMessages }) => status === 'passed' && failureMessages.length > 0),
      )
      .map(({ fullName }) => `tried again: ${fullName}`)
  } catch {
    failed = 1
  }
  return [...again, `${passed} passed, ${code !== '0' && failed === 0 ? 1 : failed} failed`].join('\n')
}

const [path = '', code = '1'] = process.argv.slice(2)
process.stdout.write(`${summarize(path, code)}\n`)
