import type { TargetType } from '../../target.ts';
import { checkChunks } from '../striped/chunks.ts';
import { parseUnstripedArguments } from './args.ts';
import { UnstripedTarget } from './unstriped.ts';

export const unstripedTarget: TargetType = {
  name: 'unstriped',
  version: [1, 1, 0],
  stateless: 'always',
  async construct(line, context) {
    const target = new UnstripedTarget(await parseUnstripedArguments(line, context), line.length);
    checkChunks(target, 'chunk_size', line.length);
    return target;
  },
};
