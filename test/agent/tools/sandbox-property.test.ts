import { readlinkSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { newDirectory } from './in-directory.ts'

const name = fc.constantFrom('a', 'b', 'c', 'd', '.git', 'x.env', 'X.ENV')
const step = fc.oneof({ weight: 5, arbitrary: name }, { weight: 2, arbitrary: fc.constant('..') }, fc.constant('.'))
const way = fc.array(step, { minLength: 1, maxLength: 5 }).map((steps) => steps.join('/'))

const node = fc.record({
  path: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
  isInside: fc.boolean(),
  kind: fc.constantFrom('directory', 'file', 'link', 'link', 'absolute link'),
  target: way,
})

/** Where POSIX path resolution leads, one component after the other; undefined for circles. */
function walked(path: string): string | undefined {
  const ahead = path.split('/')
  let here = '/'
  for (let links = 0; ahead.length > 0; ) {
    const part = ahead.shift() ?? ''
    if (part === '' || part === '.') continue
    if (part === '..') {
      here = dirname(here)
      continue
    }
    const next = join(here, part)
    const target = linkTarget(next)
    if (target === undefined) here = next
    else {
      links += 1
      if (links > 100) return undefined
      if (target.startsWith('/')) here = '/'
      ahead.unshift(...target.split('/'))
    }
  }
  return here
}

/** undefined for what is no symlink, or not there. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

const isClosedName = (path: string) => path.split('/').some((part) => part === '.git' || /\.env$/i.test(part))
const isBelow = (root: string, path: string) => path === root || path.startsWith(`${root}/`)

it('whatever is allowed is inside and not protected, and whatever is refused is not', async () => {
  const seen = { allowed: 0, outside: 0, closed: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(node, { minLength: 3, maxLength: 14 }),
      fc.array(way, { minLength: 8, maxLength: 16 }),
      async (nodes, ways) => {
        await using directory = await newDirectory()
        const work = join(directory.path, 'work')
        const bases = [work, join(directory.path, 'outside')]
        for (const base of bases) await mkdir(base)
        for (const { path, isInside, kind, target } of nodes) {
          const place = join(bases[isInside ? 0 : 1] ?? work, path)
          // What is in the way of it, or leads in a circle, stays as it is.
          try {
            await mkdir(join(place, '..'), { recursive: true })
            if (kind === 'directory') await mkdir(place)
            else if (kind === 'file') await writeFile(place, '')
            else await symlink(kind === 'link' ? target : join(bases[isInside ? 1 : 0] ?? work, target), place)
          } catch {}
        }
        const sandbox = new Sandbox({ cwd: work, directories: ['.'], protectedPaths: ['*.env'] })
        const asked = ways.map((one) => normalize(join(work, one)).replace(/(.)\/$/, '$1'))
        const [own, ...real] = [join(work, '.git'), ...asked].map(walked)
        for (const [index, path] of ways.entries()) {
          const truth = real[index]
          const answer = await sandbox.resolve(path).catch((error: Error) => error)
          if (truth === undefined) {
            expect(answer, path).toBeInstanceOf(Error)
            continue
          }
          if (answer instanceof Error && answer.message.includes('too many symbolic links')) continue
          const isOutside = !isBelow(work, truth)
          const isClosed =
            isClosedName(asked[index] ?? '') || isClosedName(truth) || (own !== undefined && isBelow(own, truth))
          if (isOutside || isClosed) expect(answer, `${path} is ${truth}`).toBeInstanceOf(Error)
          else expect(answer, path).toBe(truth)
          seen[isOutside ? 'outside' : isClosed ? 'closed' : 'allowed'] += 1
        }
      },
    ),
    { numRuns: 60 },
  )
  // Otherwise the trees say nothing.
  expect(Math.min(seen.allowed, seen.outside, seen.closed)).toBeGreaterThan(0)
})
