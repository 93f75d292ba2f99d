import type { TargetType } from '../../target.ts';
import { parseUnstripedArguments } from './args.ts';
import { UnstripedTarget } from './unstriped.ts';

export const unstripedTarget: TargetType = {
  name: 'unstriped',
  version: [1, 1, 0],
  async construct(line, context) {
    return new UnstripedTarget(await parseUnstripedArguments(line, context), line.length);
  },
};
