import type { TargetType } from '../../target.ts';
import { parseStripedArguments } from './args.ts';
import { checkChunks } from './chunks.ts';
import { StripedTarget } from './striped.ts';

export const stripedTarget: TargetType = {
  name: 'striped',
  version: [1, 6, 0],
  stateless: 'until-failure',
  async construct(line, context) {
    const args = await parseStripedArguments(line, context);
    const target = new StripedTarget(args, line.length, context.raiseEvent);
    checkChunks(target, 'chunk_size', line.length);
    return target;
  },
};
