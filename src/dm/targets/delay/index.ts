import type { TargetType } from '../../target.ts';
import { parseDelayArguments } from './args.ts';
import { DelayTarget } from './delay.ts';

export const delayTarget: TargetType = {
  name: 'delay',
  version: [1, 4, 0],
  async construct(line, context) {
    return new DelayTarget(await parseDelayArguments(line, context), line.length);
  },
};
