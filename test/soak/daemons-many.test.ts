import { describeManyDaemons } from '../e2e/many-daemons.ts'

describeManyDaemons(1_000)
