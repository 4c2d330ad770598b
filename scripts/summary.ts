/** Prints the closing line of a test run, `N passed, N failed`, from vitest's JSON report and the exit code. */
import { readFileSync } from 'node:fs'

interface Report {
  numPassedTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
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
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report
    passed = report.numPassedTests
    failed = countFailed(report)
  } catch {
    failed = 1
  }
  return `${passed} passed, ${code !== '0' && failed === 0 ? 1 : failed} failed`
}

const [path = '', code = '1'] = process.argv.slice(2)
process.stdout.write(`${summarize(path, code)}\n`)
