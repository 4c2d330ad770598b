import { describeDefinitionRaces } from './definition-races.ts'

describeDefinitionRaces(15)
