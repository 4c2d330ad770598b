import { describeClaimRaces } from './claim-races.ts'

describeClaimRaces(1_000)
