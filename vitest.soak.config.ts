import { defineConfig } from 'vitest/config'

/** What takes minutes: the same proofs as in `npm test`, with many more repetitions. Run by `npm run soak`. */
export default defineConfig({
  test: {
    name: 'soak',
    include: ['test/soak/**/*.test.ts'],
    maxWorkers: 1,
    globalSetup: './test/support/global-setup.ts',
    setupFiles: './test/support/setup.ts',
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
})
