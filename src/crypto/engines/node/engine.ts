import { TscryptError } from '../../../errors.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { isNullCipher } from '../../cipher-spec.ts';
import type { CryptoEngine, SectorCipherRequest } from '../../engine.ts';
import { createIvGenerator } from '../../iv/generator.ts';
import { IV_SIZE, type IvCipher } from '../../iv/iv.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { createCbc } from './cbc.ts';
import { createCtr } from './ctr.ts';
import { createEcb } from './ecb.ts';
import { createCbcChain, createEcbCipher } from './ecb-cipher.ts';
import { createMultiKey } from './multi-key.ts';
import { createNull } from './null.ts';
import type { PieceCipher } from './piece-cipher.ts';
import { createPieced } from './pieced.ts';
import { createNodeSectorHash } from './sector-hash.ts';
import { selfTest } from './self-test.ts';
import { createXts } from './xts.ts';

type CreateMode = (cipher: string, key: Uint8Array, sectorSize: number) => PieceCipher;

const createMode: ReadonlyMap<string, CreateMode> = new Map<string, CreateMode>([
  ['ecb', (cipher, key) => createEcb(createEcbCipher(cipher, key))],
  ['cbc', (cipher, key, size) => createCbc(createEcbCipher(cipher, key), createCbcChain(cipher, key), size)],
  ['ctr', (cipher, key, size) => createCtr(createEcbCipher(cipher, key), size)],
  [
    'xts',
    (cipher, key, size) => {
      const half = key.length / 2;
      const data = createEcbCipher(cipher, key.subarray(0, half));
      return createXts(data, createEcbCipher(cipher, key.subarray(half)), size);
    },
  ],
]);

/**
 * The portable engine: `node:crypto` for the block cipher, in calls over whole pieces, and WebAssembly SIMD for
 * the arithmetic around them. It needs nothing but Node and has every cipher, mode and IV of this build.
 */
export const nodeEngine: CryptoEngine = {
  name: 'node',
  create(request) {
    if (!tested) {
      selfTest(createSingle);
      tested = true;
    }
    if (isNullCipher(request.spec)) return createNull(request.sectorSize);
    const { keyCount } = request.spec;
    return keyCount === 1 ? createSingle(request) : createMultiKey(request, createSingle);
  },
  createHash: createNodeSectorHash,
};

let tested = false;

function createSingle(request: SectorCipherRequest): SectorCipher {
  const { spec, key, sectorSize, largeSectorIv } = request;
  const create = createMode.get(spec.mode);
  if (!create) {
    throw new TscryptError('NOT_SUPPORTED', `Mode ${spec.mode} is not supported.`, {
      details: { mode: spec.mode },
    });
  }
  const ivs = createIvGenerator(request, (ivKey) => createIvCipher(spec.cipher, ivKey));
  const perSector = sectorSize / SECTOR_SIZE;
  return createPieced({
    cipher: create(spec.cipher, key, sectorSize),
    ivs,
    sectorSize,
    sectorsPerIv: largeSectorIv ? perSector : 1,
  });
}

function createIvCipher(name: string, key: Uint8Array): IvCipher {
  const cipher = createEcbCipher(name, key);
  return {
    encrypt: ({ bytes }, count) => bytes.set(cipher.encrypt(bytes.subarray(0, count * IV_SIZE))),
    dispose: () => cipher.dispose(),
  };
}
