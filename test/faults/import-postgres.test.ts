import { testSeed } from '../support/test-seed.ts'
import { describeImportKills } from './import-kills.ts'

describeImportKills('postgres', { moments: 20, seed: testSeed() })
