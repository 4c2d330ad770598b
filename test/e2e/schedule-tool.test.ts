import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { cliPlace, ensureBundle } from '../support/cli.ts'

const SCENARIOS = `scenarios:
  - name: the chat
    match: 'run the job'
    turns:
      - tool_calls: [{ name: Schedule, args: { operation: run, job_id: hello } }]
      - content: It ran.
  - name: the job
    match: 'say hello'
    turns: [{ content: Hello! }]
`

it('the agent runs a job at once, as a manual run of the same store', async () => {
  await ensureBundle()
  using place = cliPlace({ INFER_GATEWAY_MOCK: 'true', INFER_TOOLS_SCHEDULE_ENABLED: 'true' })
  const file = join(place.cwd, 'scenarios.yaml')
  writeFileSync(file, SCENARIOS)
  await place.run(['schedules', 'create', '--cron', '@daily', '--prompt', 'say hello', '--name', 'hello'])
  const { code, stdout } = await place.run(['agent', '--mode', 'auto', 'run the job'], {
    env: { INFER_GATEWAY_MOCK_SCENARIOS: file },
  })
  expect(code).toBe(0)
  expect(stdout).toContain('\\"state\\":\\"succeeded\\"')
  const runs = JSON.parse((await place.run(['schedules', 'runs', '--json'])).stdout)
  expect(runs).toMatchObject([{ job_name: 'hello', trigger: 'manual', state: 'succeeded', output: 'Hello!' }])
})
