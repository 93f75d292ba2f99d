import type { TargetType } from '../../target.ts';
import { checkZeroArguments } from './args.ts';
import { ZeroTarget } from './zero.ts';

export const zeroTarget: TargetType = {
  name: 'zero',
  version: [1, 2, 0],
  stateless: 'always',
  async construct(line) {
    checkZeroArguments(line);
    return new ZeroTarget();
  },
};
