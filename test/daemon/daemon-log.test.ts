import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createDaemonLog } from '#daemon/daemon-log.ts'
import { testDirectory } from '../support/backends.ts'

function logTo(directory: string, { isTTY = false, debug = false } = {}) {
  const written: string[] = []
  const stream = { isTTY, write: (text: string) => written.push(text) }
  return { written, log: createDaemonLog({ directory, debug, stream }) }
}

describe('the log of the daemon', () => {
  it('is JSON lines where nobody looks, and the same in a file of its owner', () => {
    const directory = join(testDirectory(), 'logs')
    const { written, log } = logTo(directory)
    log.warn('run lost', { run: 'r1', fence: 2, reason: undefined })
    const line = JSON.parse(written[0] ?? '')
    expect(line).toEqual({ time: expect.any(String), level: 'warn', message: 'run lost', run: 'r1', fence: 2 })
    expect(new Date(line.time).toISOString()).toBe(line.time)
    const path = join(directory, 'daemon.log')
    expect(readFileSync(path, 'utf8')).toBe(written.join(''))
    expect([statSync(path).mode & 0o777, statSync(directory).mode & 0o777]).toEqual([0o600, 0o700])
  })

  it('keeps its message whatever the fields are called', () => {
    const { written, log } = logTo(testDirectory())
    log.info('agent started', { message: '735', level: 'x', id: '735' })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ level: 'info', message: 'agent started', id: '735' })
  })

  it('is readable on a terminal, control characters made visible', () => {
    const { written, log } = logTo(testDirectory(), { isTTY: true })
    log.info('job \u001b[31mdeleted', { job: 'a', gone: undefined })
    expect(written[0]).toMatch(/^\d\d:\d\d:\d\d info {2}job \S*\[31mdeleted job=a\n$/)
    expect(written[0]).not.toContain('\u001b')
  })

  it('says details only when asked to', () => {
    const quiet = logTo(testDirectory())
    quiet.log.debug('detail')
    expect(quiet.written).toEqual([])
    const loud = logTo(testDirectory(), { debug: true })
    loud.log.debug('detail')
    expect(loud.written).toHaveLength(1)
  })

  it('puts a full file aside', () => {
    const directory = testDirectory()
    const path = join(directory, 'daemon.log')
    writeFileSync(path, 'x'.repeat(10 * 1024 * 1024 + 1))
    const { log } = logTo(directory)
    log.info('new')
    expect(statSync(`${path}.1`).size).toBe(10 * 1024 * 1024 + 1)
    expect(readFileSync(path, 'utf8')).toContain('"message":"new"')
  })

  it('needs no disk, and says so once', () => {
    const file = join(testDirectory(), 'file')
    writeFileSync(file, '')
    const { written, log } = logTo(join(file, 'logs'))
    log.info('one')
    log.info('two')
    expect(written.map((line) => JSON.parse(line).message)).toEqual([
      `no log file can be written in ${join(file, 'logs')}, the log goes to stderr only`,
      'one',
      'two',
    ])
  })
})
