import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { channelsSchema } from '#config/channels.ts'
import { envName } from '#config/env.ts'
import { promptsSchema } from '#config/prompts.ts'
import { settingsSchema } from '#config/schema.ts'
import { leavesOf } from '#config/tree.ts'
import { CONFIG_DOC, withTables } from '../../scripts/config-docs.ts'

const document = readFileSync(CONFIG_DOC, 'utf8')

test('docs/configuration.md has the keys and defaults of the schema; if not: npm run docs', () => {
  expect(withTables(document)).toBe(document)
})

test.each([
  ['config.yaml', settingsSchema],
  ['channels.yaml', channelsSchema],
  ['prompts.yaml', promptsSchema],
] as const)('docs/configuration.md has every key of %s', (_, schema) => {
  const missing = [...leavesOf(schema)]
    .map(({ path }) => path.join('.'))
    .filter((key) => !document.includes(`\`${key}`))
  expect(missing).toEqual([])
})

test('every variable that docs/configuration.md names exists', () => {
  const named = document.match(/\bINFER_[A-Z][A-Z0-9_]*[A-Z0-9]\b/g) ?? []
  const known = new Set(['INFER_REQUIRE_TRUST', 'INFER_PROMPTS_TOOLS_TODO_WRITE_DESCRIPTION'])
  for (const { path } of leavesOf(settingsSchema)) known.add(envName(path))
  for (const { path } of leavesOf(channelsSchema)) known.add(envName(['channels', ...path]))
  for (const { path } of leavesOf(promptsSchema)) known.add(envName(['prompts', ...path]))
  expect(named.filter((name) => !known.has(name))).toEqual([])
})
