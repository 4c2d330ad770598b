import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PickerItem } from '#chat/picker.ts'
import type { ChatServices, ChatShortcut } from '#chat/slash-commands.ts'
import type { AgentSurroundings } from '#commands/agent-setup.ts'
import { exportText } from '#commands/conversations/export-text.ts'
import { writeExport } from '#commands/conversations/write-export.ts'
import { upcomingFires, zoneOf } from '#commands/job-view.ts'
import { resolvePath } from '#config/paths.ts'
import type { Shortcut } from '#config/shortcuts.ts'
import { formatInZone } from '#cron/index.ts'
import type { GatewayConnection } from '#gateway/connect.ts'
import { relative } from '#terminal/time.ts'

/** Conversations and plans that a list offers. */
const LISTED = 500
/** Paths that a completion offers. */
const PATHS = 200

/** What the slash commands of the chat look up. */
export function chatServices(
  around: AgentSurroundings,
  gateway: GatewayConnection,
  shortcuts: readonly Shortcut[],
  signal: AbortSignal,
): ChatServices {
  const { stores } = around
  return {
    async conversations() {
      const now = new Date()
      const { conversations } = await stores.conversations.list({ limit: LISTED, offset: 0 })
      return conversations.map(({ id, title, updatedAt, messageCount }) => ({
        id,
        label: title === '' ? id : title,
        hint: `${relative(updatedAt, now)}, ${messageCount} messages`,
      }))
    },
    async plans() {
      const { plans } = await stores.plans.list()
      return plans.slice(0, LISTED).map(({ id, title }) => ({ id, label: title, hint: `infer://plans/${id}` }))
    },
    async plan(id) {
      const { title, body } = await stores.plans.load(id)
      return `# ${title}\n\n${body}`
    },
    jobs: () => jobs(around),
    models: () => gateway.client.listModels(signal),
    async exportSession(id) {
      const text = exportText(await stores.conversations.load(id), { format: 'markdown', includeHidden: false })
      const { cwd: base, home, settings } = around
      return writeExport(text, {
        directory: resolvePath(settings.export.outputDir, { base, home }),
        id,
        extension: 'md',
      })
    },
    shortcuts: shortcuts.map(chatShortcut),
  }
}

async function jobs({ stores }: AgentSurroundings): Promise<PickerItem[]> {
  const [{ jobs: found, unreadable }, now] = await Promise.all([stores.scheduledJobs.list(), stores.jobRuns.now()])
  const { defaultTimezone } = stores.scheduledJobs
  return [
    ...found.map((job) => {
      const [next] = upcomingFires(job, defaultTimezone, now, 1)
      const none = job.enabled ? 'never fires' : 'paused'
      const when = next === undefined ? none : `next ${formatInZone(next, zoneOf(job, defaultTimezone))}`
      return { id: job.id, label: job.name ?? job.id, hint: `${job.cronExpression}, ${when}` }
    }),
    ...unreadable.map(({ id, error }) => ({ id, label: id, hint: `cannot be read: ${error.message}` })),
  ]
}

function chatShortcut({ name, description, command, args, passSessionId }: Shortcut): ChatShortcut {
  return {
    name,
    description,
    commandLine: (sessionId, typed) =>
      [...[command, ...args].map(quoted), ...(typed === '' ? [] : [typed]), ...(passSessionId ? [sessionId] : [])].join(
        ' ',
      ),
  }
}

const quoted = (word: string) => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

/** Paths below `cwd` that begin with the text, for completion; hidden ones only when their dot was typed. */
export async function pathsBelow(cwd: string, beginning: string): Promise<string[]> {
  const directory = beginning.endsWith('/') ? beginning : dirname(beginning)
  const name = beginning.endsWith('/') ? '' : basename(beginning)
  const prefix = directory === '.' && !beginning.startsWith('./') ? '' : directory.replace(/\/?$/, '/')
  const entries = await readdir(join(cwd, directory), { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.name.startsWith(name) && (name.startsWith('.') || !entry.name.startsWith('.')))
    .map((entry) => `${prefix}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .sort()
    .slice(0, PATHS)
}
