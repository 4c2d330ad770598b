import { describe, expect } from 'vitest'
import { at } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

export function planTests(test: StorageTest): void {
  describe('plans', () => {
    test('a plan gets an id of its time and title', async ({ stores: { plans }, open }) => {
      const body = '# Not the title\n\n- one\n- two\n\n```js\n1\n```'
      const saved = await plans.save({
        title: 'Fix the  Übel: now!',
        body,
        createdAt: new Date('2026-05-06T07:08:09.999Z'),
      })
      expect(saved).toEqual({
        id: '2026-05-06-070809-fix-the-bel-now',
        title: 'Fix the  Übel: now!',
        slug: 'fix-the-bel-now',
        createdAt: new Date('2026-05-06T07:08:09Z'),
        body,
      })
      const other = (await open()).plans
      expect(await other.load(saved.id)).toEqual(saved)
      expect(await other.list()).toEqual({ plans: [saved], unreadable: [] })
    })

    test('a plan never overwrites another', async ({ stores: { plans } }) => {
      const ids = []
      for (const body of ['one', 'two', 'three']) {
        ids.push((await plans.save({ title: 'Same', body, createdAt: at(0.5) })).id)
      }
      const [id = ''] = ids
      expect(ids).toEqual([id, `${id}-1`, `${id}-2`])
      expect((await plans.load(id)).body).toBe('one')
      expect((await plans.load(`${id}-2`)).body).toBe('three')
      expect((await plans.load(`${id}-1`)).createdAt).toEqual(at(0))
    })

    test('without a time it is now', async ({ stores: { plans } }) => {
      const { createdAt, id } = await plans.save({ title: '???', body: '' })
      expect(Math.abs(createdAt.getTime() - Date.now())).toBeLessThan(60_000)
      expect(createdAt.getMilliseconds()).toBe(0)
      expect(id).toMatch(/^\d{4}-\d\d-\d\d-\d{6}-plan$/)
      expect((await plans.load(id)).body).toBe('')
    })

    test('the list is newest first, ties by id descending', async ({ stores: { plans } }) => {
      const save = async (title: string, second: number) =>
        (await plans.save({ title, body: title, createdAt: at(second) })).id
      const ids = [await save('b', 1), await save('a', 2), await save('c', 1), await save('c', 1), await save('z', 0)]
      expect((await plans.list()).plans.map(({ id }) => id)).toEqual([ids[1], ids[3], ids[2], ids[0], ids[4]])
    })

    test.for(['body', 'body\n', '\nbody', '\n\nbody\n\n', '', '\n', '  ', '---\nfront: matter\n---\n', 'a\r\nb'])(
      'the body %j comes back to the byte',
      async (body, { stores: { plans } }) => {
        const { id } = await plans.save({ title: '  # odd * title ', body })
        expect(await plans.load(id)).toMatchObject({ title: '  # odd * title ', body })
      },
    )

    test('a title is one line that is not empty', async ({ stores: { plans } }) => {
      for (const title of ['', '   ', 'two\nlines', 'two\rlines']) {
        await expectCode(plans.save({ title, body: 'x' }), 'E_INVALID')
      }
      expect((await plans.list()).plans).toEqual([])
    })

    test('a deleted plan is gone', async ({ stores: { plans } }) => {
      const { id } = await plans.save({ title: 'Gone', body: 'x' })
      await plans.delete(id)
      await expectCode(plans.load(id), 'E_NOT_FOUND')
      await expectCode(plans.delete(id), 'E_NOT_FOUND')
      expect(await plans.list()).toEqual({ plans: [], unreadable: [] })
    })
  })
}
