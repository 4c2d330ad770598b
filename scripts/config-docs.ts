import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { channelsSchema } from '#config/channels.ts'
import { fieldOf } from '#config/fields.ts'
import { promptsSchema } from '#config/prompts.ts'
import { settingsSchema } from '#config/schema.ts'
import { complete, isMap, isSection, leavesOf, type Node, type Section } from '#config/tree.ts'

export const CONFIG_DOC = join(import.meta.dirname, '..', 'docs', 'configuration.md')

const TABLES: Readonly<Record<string, Section>> = {
  'config.yaml': settingsSchema,
  'channels.yaml': channelsSchema,
  'prompts.yaml': promptsSchema,
}

/** The document with every table between `<!-- keys of FILE -->` and `<!-- end -->` as the schema has it. */
export function withTables(document: string): string {
  return document.replace(/(<!-- keys of (\S+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, file: string, end) => {
    const schema = TABLES[file]
    if (schema === undefined) throw new Error(`docs/configuration.md: there is no schema of ${file}`)
    return `${begin}${table(schema)}${end}`
  })
}

function table(schema: Section): string {
  const rows = [...leavesOf(schema)].flatMap(({ path, node }) => rowsOf(path.join('.'), node))
  return ['| key | default | what it says | allowed |', '|---|---|---|---|', ...rows, ''].join('\n')
}

function rowsOf(path: string, node: Node): string[] {
  if (isMap(node)) {
    const value = node._zod.def.valueType
    const below = isSection(value) ? [...leavesOf(value)] : []
    return below.flatMap((leaf) => rowsOf([path, 'NAME', ...leaf.path].join('.'), leaf.node))
  }
  const { help, allowed } = fieldOf(node)
  const initial = complete(node, undefined)
  const shown = initial === '' ? 'empty' : `\`${JSON.stringify(initial).replace(/^"(.*)"$/, '$1')}\``
  return [`| ${[`\`${path}\``, shown, help, allowed].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`]
}

if (import.meta.main) writeFileSync(CONFIG_DOC, withTables(readFileSync(CONFIG_DOC, 'utf8')))
