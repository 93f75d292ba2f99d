import type { TargetType } from '../../target.ts';
import { parseLinearArguments } from './args.ts';
import { LinearTarget } from './linear.ts';

export const linearTarget: TargetType = {
  name: 'linear',
  version: [1, 4, 0],
  stateless: 'always',
  async construct(line, context) {
    return new LinearTarget(await parseLinearArguments(line, context), line.length);
  },
};
