import { expect, test } from 'vitest'
import { byNewestPlan, parsePlanId, planIds, planSlug, planStamp } from '#storage/rules/plan-id.ts'

test.each([
  ['Fix the bug', 'fix-the-bug'],
  ['  --Fix:  it!  ', 'fix-it'],
  ['ÜBER alles', 'ber-alles'],
  ['Plan', 'plan'],
  ['???', 'plan'],
  ['日本語', 'plan'],
  ['v1.2_3', 'v1-2-3'],
  ['x'.repeat(80), 'x'.repeat(60)],
  [`${'x'.repeat(59)} y`, 'x'.repeat(59)],
])('the slug of %j is %s', (title, slug) => {
  expect(planSlug(title)).toBe(slug)
})

test('the stamp is UTC to the second', () => {
  expect(planStamp(new Date('2026-01-02T03:04:05.999Z'))).toBe('2026-01-02-030405')
  expect(planStamp(new Date('2026-01-02T00:30:00+02:00'))).toBe('2026-01-01-223000')
})

test('ids to try: the plain one, then -1, -2', () => {
  const ids = planIds('A plan', new Date('2026-01-02T03:04:05Z'))
  expect(ids.take(3).toArray()).toEqual([
    '2026-01-02-030405-a-plan',
    '2026-01-02-030405-a-plan-1',
    '2026-01-02-030405-a-plan-2',
  ])
})

test('an id tells its time and slug; other names are no plan ids', () => {
  const parsed = parsePlanId('2026-01-02-030405-a-plan-1')
  expect(parsed).toEqual({ createdAt: new Date('2026-01-02T03:04:05Z'), slug: 'a-plan-1' })
  for (const name of [
    '',
    'notes',
    '2026-01-02-030405',
    '2026-13-02-030405-x',
    '26-01-02-030405-x',
    '2026-01-02-0304-x',
  ]) {
    expect(parsePlanId(name), name).toBeUndefined()
  }
})

test('newest first, ties by id descending', () => {
  const plan = (id: string, second: number) => ({ id, createdAt: new Date(second * 1_000) })
  const sorted = [plan('a', 1), plan('c', 2), plan('b', 1), plan('d', 0)].sort(byNewestPlan)
  expect(sorted.map(({ id }) => id)).toEqual(['c', 'b', 'a', 'd'])
})
