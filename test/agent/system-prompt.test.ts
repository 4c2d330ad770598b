import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { gitBranch, readAgentsMd } from '#agent/surroundings.ts'
import { type SystemPromptOptions, systemPrompt } from '#agent/system-prompt.ts'
import { newDirectory } from './tools/in-directory.ts'

const EMPTY = {
  systemPrompt: '',
  systemPromptPlan: '',
  systemPromptAuto: '',
  systemPromptRemote: '',
  customInstructions: '',
}

function prompt(more: Partial<SystemPromptOptions> = {}): string {
  return systemPrompt({
    mode: 'standard',
    remote: false,
    prompts: EMPTY,
    now: new Date('2026-11-23T19:38:46Z'),
    cwd: '/srv/work',
    platform: 'linux x64',
    branch: 'main',
    agentsMd: undefined,
    ...more,
  })
}

describe('systemPrompt', () => {
  it('says when, where and on what', () => {
    const text = prompt({ agentsMd: 'Use tabs.' })
    expect(text).toMatch(/^Time: \w+day, 2026-11-2\d \d\d:\d\d:46[+-]\d\d:\d\d \([\w/]+\)$/m)
    expect(text).toContain('Directory: /srv/work\nPlatform: linux x64\nGit branch: main')
    expect(text).toMatch(/From AGENTS\.md in the working directory:\n\nUse tabs\.$/)
    expect(prompt({ branch: undefined })).not.toContain('Git branch')
  })

  it('has the rules of the mode', () => {
    expect(prompt()).toContain('Mode: standard.')
    expect(prompt({ mode: 'plan' })).toMatch(/Mode: plan\. Change nothing\..*RequestPlanApproval/s)
    expect(prompt({ mode: 'auto' })).toContain('Mode: auto.')
  })

  it('takes the words of prompts.yaml, and keeps the rest', () => {
    const prompts = {
      ...EMPTY,
      systemPrompt: 'General.',
      systemPromptPlan: 'Planner.',
      systemPromptRemote: 'Far.',
      customInstructions: 'Mine.',
    }
    expect(prompt({ prompts })).toMatch(/^General\.\n\nMode: standard.*Mine\.$/s)
    expect(prompt({ prompts, mode: 'plan' })).toMatch(/^Planner\./)
    expect(prompt({ prompts, mode: 'auto' })).toMatch(/^General\./)
    expect(prompt({ prompts, remote: true })).toMatch(/^Far\./)
  })
})

describe('the surroundings', () => {
  it('know the branch, also below the top of the repository and in a worktree', async () => {
    await using directory = await newDirectory()
    const git = (...args: string[]) => execFileSync('git', args, { cwd: directory.path, stdio: 'pipe' })
    git('init', '-q', '-b', 'feature/one')
    await mkdir(join(directory.path, 'a/b'), { recursive: true })
    expect(await gitBranch(join(directory.path, 'a/b'))).toBe('feature/one')
    git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-q', '--allow-empty', '-m', 'x')
    git('worktree', 'add', '-q', '-b', 'two', 'tree')
    expect(await gitBranch(join(directory.path, 'tree'))).toBe('two')
    git('checkout', '-q', '--detach')
    expect(await gitBranch(directory.path)).toMatch(/^[0-9a-f]{12}$/)
  })

  it('read AGENTS.md up to the limit', async () => {
    await using directory = await newDirectory()
    expect(await readAgentsMd(directory.path, 100)).toBeUndefined()
    await writeFile(join(directory.path, 'AGENTS.md'), 'abcdef')
    expect(await readAgentsMd(directory.path, 6)).toBe('abcdef')
    expect(await readAgentsMd(directory.path, 3)).toBe('abc\n[cut: AGENTS.md has 6 characters]')
    expect(await readAgentsMd(directory.path, 0)).toBeUndefined()
  })

  it('leave out an AGENTS.md and a .git that would be waited for', async () => {
    await using directory = await newDirectory()
    execFileSync('mkfifo', [join(directory.path, 'AGENTS.md'), join(directory.path, '.git')])
    expect(await readAgentsMd(directory.path, 100)).toBeUndefined()
    await gitBranch(directory.path)
  })
})
