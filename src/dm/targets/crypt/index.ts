import { SECTOR_SIZE } from '../../../units.ts';
import type { TargetType } from '../../target.ts';
import { deviceArg, refuse, sectorArg } from '../arguments.ts';
import { parseCryptWords, parseKey } from './args.ts';
import { createCipher } from './cipher.ts';
import { CryptTarget } from './crypt.ts';

export const cryptTarget: TargetType = {
  name: 'crypt',
  version: [1, 28, 0],
  stateless: 'always',
  laborious: true,
  async construct(line, context) {
    const words = parseCryptWords(line);
    const { options } = words;
    const key = parseKey(words.key);
    try {
      const cipher = createCipher(words.cipher, key, options);
      try {
        const ivOffset = sectorArg(words.ivOffset, 'Invalid iv_offset sector');
        if (ivOffset % (options.sectorSize / SECTOR_SIZE) !== 0) refuse('Invalid iv_offset sector');
        const below = await deviceArg(words.device, context);
        const offset = sectorArg(words.offset, 'Invalid device sector');
        const args = {
          cipher: words.cipher,
          key,
          ivOffset,
          below,
          offset,
          options,
        };
        return new CryptTarget(args, cipher, line.length);
      } catch (error) {
        cipher.dispose();
        throw error;
      }
    } catch (error) {
      key.dispose();
      throw error;
    }
  },
};
