/**
 * Runs before each test file. vitest sets NODE_ENV=test, which would make oclif, in a process that a test starts, load
 * development plugins. Property tests try the same cases each time, so that a change is told by them and not by chance;
 * INFER_TEST_SEED tries others.
 */
import fc from 'fast-check'
import { testSeed } from './test-seed.ts'

delete process.env.NODE_ENV
fc.configureGlobal({ seed: testSeed() })
