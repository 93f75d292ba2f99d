import type { TargetType } from '../../target.ts';
import { parseDustArguments } from './args.ts';
import { DustTarget } from './dust.ts';

export const dustTarget: TargetType = {
  name: 'dust',
  version: [1, 0, 0],
  async construct(line, context) {
    return new DustTarget(await parseDustArguments(line, context), line);
  },
};
