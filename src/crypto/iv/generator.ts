import { chainingModes } from '../chaining-mode.ts';
import type { SectorCipherRequest } from '../engine.ts';
import type { IvContext, IvGenerator } from './iv.ts';
import { findIvMode } from './registry.ts';

/**
 * The IVs of a sector cipher; undefined for ECB, which takes none (one that is named nevertheless is passed over, as
 * dm-crypt does with a warning).
 *
 * @throws TscryptError NOT_SUPPORTED or INVALID_ARGUMENT
 */
export function createIvGenerator(
  request: SectorCipherRequest,
  createIvCipher: IvContext['createIvCipher'],
): IvGenerator | undefined {
  const { spec, key, sectorSize } = request;
  const mode = chainingModes.get(spec.mode);
  if (spec.iv === undefined || spec.mode === 'ecb' || !mode) return undefined;
  const { blockSize } = mode;
  const context = { options: spec.ivOptions, mode: spec.mode, blockSize, sectorSize, key, createIvCipher };
  return findIvMode(spec.iv).create(context);
}
