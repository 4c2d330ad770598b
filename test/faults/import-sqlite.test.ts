import { testSeed } from '../support/test-seed.ts'
import { describeImportKills } from './import-kills.ts'

describeImportKills('sqlite', { moments: 20, seed: testSeed() })
