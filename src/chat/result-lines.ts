import { visible } from '#terminal/escapes.ts'

/** Where the tools put what a person wants to see, the best first. */
const TEXT_KEYS = ['output', 'changed', 'content', 'preview', 'text', 'tree', 'message', 'answer']

/** What a person wants to see of what the model was told about a call. */
export function resultLines({ content }: { readonly content: string }): string[] {
  return visible(textOf(content)).trimEnd().split('\n')
}

const REFUSED = /^Tool '[^']*' was rejected by the user\.?(?: They said: (.*))?$/s
const refusal = (_: string, why: string | undefined) => (why === undefined ? 'refused' : `refused: ${why}`)

function textOf(content: string): string {
  const [, json] = /^Result of tool call: (\{.*\})$/s.exec(content) ?? []
  if (json === undefined) return content.replace(/^(?:Tool execution failed|Blocked): /, '').replace(REFUSED, refusal)
  const data = dataOf(json)
  if (typeof data === 'string') return data
  if (typeof data !== 'object' || data === null) return data === undefined ? json : String(data)
  const given = data as Record<string, unknown>
  const texts = TEXT_KEYS.map((name) => given[name]).filter((value) => typeof value === 'string')
  return texts.find((text) => text !== '') ?? texts[0] ?? listText(given) ?? JSON.stringify(data, null, 2)
}

const TODO_SIGNS: Readonly<Record<string, string>> = { completed: '✓', in_progress: '…' }

/** Answers, todos and plain facts as a person writes them down; undefined for other data. */
function listText({ answers, todos, ...facts }: Record<string, unknown>): string | undefined {
  if (Array.isArray(answers)) {
    return (answers as { question: string; answer: readonly string[] }[])
      .map(({ question, answer }) => `${question} ${answer.length === 0 ? 'passed over' : answer.join(', ')}`)
      .join('\n')
  }
  if (Array.isArray(todos)) {
    return (todos as { content: string; status: string }[])
      .map(({ content, status }) => `${TODO_SIGNS[status] ?? '·'} ${content}`)
      .join('\n')
  }
  const plain = Object.entries(facts)
  if (plain.some(([, value]) => typeof value === 'object' && value !== null)) return undefined
  return plain.map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`).join(', ')
}

function dataOf(json: string): unknown {
  try {
    return (JSON.parse(json) as { data?: unknown }).data
  } catch {
    return undefined
  }
}
