import type { TargetType } from '../../target.ts';
import { checkChunks } from '../striped/chunks.ts';
import { parseSwitchArguments } from './args.ts';
import { SwitchTarget } from './switch.ts';

export const switchTarget: TargetType = {
  name: 'switch',
  version: [1, 1, 0],
  async construct(line, context) {
    const target = new SwitchTarget(await parseSwitchArguments(line, context), line.length);
    checkChunks(target, 'region_size', line.length);
    return target;
  },
};
