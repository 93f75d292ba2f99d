import type { TargetType } from '../../target.ts';
import { parseErrorArguments } from './args.ts';
import { ErrorTarget } from './error.ts';

export const errorTarget: TargetType = {
  name: 'error',
  version: [1, 7, 0],
  stateless: 'always',
  wildcard: true,
  async construct(line, context) {
    return new ErrorTarget(await parseErrorArguments(line, context), line.length);
  },
};
