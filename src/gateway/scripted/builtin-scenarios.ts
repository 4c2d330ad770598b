import type { ScenarioLibrary } from './scenario.ts'

const PLAN = `## Goal

$1

## Steps

1. Look at the code that is concerned, and at its tests.
2. Write a test that fails for the right reason.
3. Make the smallest change that turns it green.
4. Run everything, and read the difference once more.

## Done when

- The new test passes, and so do the old ones.
- Somebody who was not here can tell from the commit why it was made.
`

/**
 * What the scripted gateway plays when no file is given: the demo (`say hello`, `every 10 seconds, …`, `plan …`) and
 * one scenario for each thing that can happen between the agent and a gateway.
 */
export const BUILTIN_SCENARIOS: ScenarioLibrary = {
  fallback: { content: 'Done.' },
  scenarios: [
    {
      name: 'greeting',
      match: '(?i)^say hello',
      turns: [{ content: 'Hello! How can I help?' }],
    },
    {
      name: 'schedule-interval',
      match:
        '(?s)^(?:[Pp]lease )?[Ee]very (\\d+) ?([smh])(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\\b,? +(?=([^\\n]{1,40}))(.+)',
      expand: true,
      turns: [
        {
          tool_calls: [
            {
              name: 'Schedule',
              args: { operation: 'create', name: '$3', cron_expression: '@every $1$2', prompt: '$4' },
            },
          ],
        },
        { content: 'I asked Schedule to run "$4" every $1$2. `infer schedules list` shows what became of it.' },
      ],
    },
    {
      name: 'schedule-daily-at',
      match: '(?is)^(?:please )?every (?:day|morning) at 0?(\\d{1,2}):0?(\\d{1,2}),? +(?=([^\\n]{1,40}))(.+)',
      expand: true,
      turns: [
        {
          tool_calls: [
            {
              name: 'Schedule',
              args: { operation: 'create', name: '$3', cron_expression: '$2 $1 * * *', prompt: '$4' },
            },
          ],
        },
        { content: 'I asked Schedule to run "$4" every day at $1:$2. `infer schedules list` shows what became of it.' },
      ],
    },
    {
      name: 'schedule-daily',
      match: '(?is)^(?:please )?every (?:day|morning),? +(?=([^\\n]{1,40}))(.+)',
      expand: true,
      turns: [
        {
          tool_calls: [
            { name: 'Schedule', args: { operation: 'create', name: '$1', cron_expression: '0 9 * * *', prompt: '$2' } },
          ],
        },
        { content: 'I asked Schedule to run "$2" every day at 9:00. `infer schedules list` shows what became of it.' },
      ],
    },
    {
      name: 'schedule-list',
      match: '(?i)^(?:list|show|which) .*\\b(?:jobs|schedules)\\b',
      turns: [
        { tool_calls: [{ name: 'Schedule', args: { operation: 'list' } }] },
        { content: 'Those are the jobs that Schedule knows.' },
      ],
    },
    {
      name: 'plan',
      match: '(?is)^(?:please )?(?:make a )?plan:? (?:to |for |how to )?(?=(.+))(?=([^\\n]{1,60}))',
      expand: true,
      turns: [
        { tool_calls: [{ name: 'RequestPlanApproval', args: { title: '$2', plan: PLAN } }] },
        { content: 'The plan is written. `infer plans list` shows it.' },
      ],
    },
    {
      name: 'parallel-reads',
      match: '(?i)(?:read four files|execute (?:the )?read tool 4 times) in parallel',
      turns: [
        {
          tool_calls: ['a.txt', 'b.txt', 'c.txt', 'd.txt'].map((file_path) => ({ name: 'Read', args: { file_path } })),
        },
        { content: 'I have read all four files.' },
      ],
    },
    {
      name: 'write-blocked',
      match: '(?i)create a file named blocked\\.txt',
      turns: [
        { tool_calls: [{ name: 'Write', args: { file_path: 'blocked.txt', content: 'not to be written\n' } }] },
        { content: 'I leave it at that if the write was not allowed.' },
      ],
    },
    {
      name: 'shell-allowed',
      match: '(?i)run the echo command',
      turns: [
        { tool_calls: [{ name: 'Bash', args: { command: 'echo hello-from-bash' } }] },
        { content: 'The echo command ran.' },
      ],
    },
    {
      name: 'shell-blocked',
      match: '(?i)run the forbidden command',
      turns: [
        { tool_calls: [{ name: 'Bash', args: { command: 'curl http://127.0.0.1:9/' } }] },
        { content: 'I leave it at that if the command was not allowed.' },
      ],
    },
    {
      name: 'retry-recovers',
      match: '(?i)flaky backend',
      turns: [{ error: { status: 429, times: 2 }, content: 'It worked at the third attempt.' }],
    },
    {
      name: 'retry-fails',
      match: '(?i)always fails',
      turns: [{ error: { status: 500, times: -1 } }],
    },
    {
      name: 'stalled-stream',
      match: '(?i)stalled stream',
      turns: [{ stall: { times: 1 }, content: 'The stream came back.' }],
    },
    {
      name: 'stalled-connect',
      match: '(?i)stalled connection',
      turns: [{ stall: { times: 1, connect: true }, content: 'The connection came back.' }],
    },
    {
      name: 'garbled-stream',
      match: '(?i)garbled stream',
      turns: [{ malformed: true, content: 'One part of this stream was garbled.' }],
    },
    {
      name: 'slow-stream',
      match: '(?i)stream slowly',
      turns: [
        {
          content:
            'This answer comes in small pieces with a pause before each, so that there is time to watch it arrive, ' +
            'to resize the window, or to interrupt it with Esc in the middle of a sentence.',
          chunk_size: 4,
          delay_ms: 50,
        },
      ],
    },
    {
      name: 'reasoning',
      match: '(?i)think step by step',
      turns: [{ reasoning: 'Six times seven: six times five is thirty, and twelve more.', content: 'It is 42.' }],
    },
    {
      name: 'usage',
      match: '(?i)report your usage',
      turns: [{ content: 'Usage reported.', usage: { prompt_tokens: 100, completion_tokens: 42 } }],
    },
  ],
}
