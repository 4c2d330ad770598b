import { describeDaemon } from './describe-daemon.ts'

describeDaemon('sqlite')
