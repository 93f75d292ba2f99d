import type { TargetType } from '../../target.ts';
import { parseStripedArguments } from './args.ts';
import { StripedTarget } from './striped.ts';

export const stripedTarget: TargetType = {
  name: 'striped',
  version: [1, 6, 0],
  async construct(line, context) {
    return new StripedTarget(await parseStripedArguments(line, context), line.length, context.raiseEvent);
  },
};
