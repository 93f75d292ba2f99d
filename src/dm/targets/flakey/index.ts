import type { TargetType } from '../../target.ts';
import { parseFlakeyArguments } from './args.ts';
import { FlakeyTarget } from './flakey.ts';

export const flakeyTarget: TargetType = {
  name: 'flakey',
  version: [1, 5, 0],
  async construct(line, context) {
    return new FlakeyTarget(await parseFlakeyArguments(line, context), line);
  },
};
