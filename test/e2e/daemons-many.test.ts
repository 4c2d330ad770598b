import { describeManyDaemons } from './many-daemons.ts'

describeManyDaemons(100)
