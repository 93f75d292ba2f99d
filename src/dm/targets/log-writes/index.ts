import type { TargetType } from '../../target.ts';
import { parseLogWritesArguments } from './args.ts';
import { LogWritesTarget } from './log-writes.ts';

export const logWritesTarget: TargetType = {
  name: 'log-writes',
  version: [1, 1, 0],
  async construct(line, context) {
    return new LogWritesTarget(await parseLogWritesArguments(line, context), line);
  },
};
