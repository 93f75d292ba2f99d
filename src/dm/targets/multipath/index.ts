import { SECTOR_SIZE } from '../../../units.ts';
import type { TargetType } from '../../target.ts';
import { parseMultipathArguments } from './args.ts';
import { MultipathTarget } from './multipath.ts';

export const multipathTarget: TargetType = {
  name: 'multipath',
  version: [1, 14, 0],
  singleton: true,
  immutable: true,
  async construct(line, context) {
    const args = await parseMultipathArguments(line, context);
    return new MultipathTarget(args, line.length * SECTOR_SIZE, context);
  },
};
