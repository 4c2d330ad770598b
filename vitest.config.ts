import { defineConfig } from 'vitest/config'

const report = process.env.INFER_TEST_REPORT

export default defineConfig({
  test: {
    maxWorkers: 4,
    globalSetup: './test/support/global-setup.ts',
    setupFiles: './test/support/setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/storage/*.test.ts', 'test/e2e/**', 'test/faults/**', 'test/chat/**', 'test/soak/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'storage',
          include: ['test/storage/*.test.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          retry: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          retry: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'chat',
          include: ['test/chat/**/*.test.{ts,tsx}'],
          testTimeout: 60_000,
          retry: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
