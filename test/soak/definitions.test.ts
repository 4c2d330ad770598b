import { describeDefinitionRaces } from '../faults/definition-races.ts'

describeDefinitionRaces(200)
