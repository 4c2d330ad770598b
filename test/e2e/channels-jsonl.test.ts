import { describeChannels } from './describe-channels.ts'

describeChannels('jsonl')
