import { describeCopyKills } from '../faults/copy-kills.ts'

describeCopyKills(100)
