import { TscryptError } from '../../errors.ts';
import { benbi } from './benbi.ts';
import { eboiv } from './eboiv.ts';
import { essiv } from './essiv.ts';
import type { IvMode } from './iv.ts';
import { nullIv } from './null.ts';
import { plain } from './plain.ts';
import { plain64 } from './plain64.ts';
import { plain64be } from './plain64be.ts';

/** Every IV mode this build has. Those of dm-crypt that are missing: lmk, tcw, elephant, random. */
const ivModes: readonly IvMode[] = [plain, plain64, plain64be, essiv, benbi, nullIv, eboiv];

/** @throws TscryptError NOT_SUPPORTED, with the name in `details.ivMode` */
export function findIvMode(name: string): IvMode {
  const mode = ivModes.find((candidate) => candidate.name === name);
  if (!mode) {
    throw new TscryptError('NOT_SUPPORTED', `IV mode ${name} is not supported.`, {
      details: { ivMode: name },
      hint: `Supported are ${ivModes.map((candidate) => candidate.name).join(', ')}.`,
    });
  }
  return mode;
}
