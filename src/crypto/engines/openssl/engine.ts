import { requireBlockCipher } from '../../block-cipher.ts';
import { isNullCipher } from '../../cipher-spec.ts';
import type { CryptoEngine, SectorCipherRequest } from '../../engine.ts';
import type { ForeignLibrary } from '../../foreign-library.ts';
import { createIvGenerator } from '../../iv/generator.ts';
import { IV_SIZE, type IvCipher } from '../../iv/iv.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { createCbc } from './cbc.ts';
import { CipherContext } from './cipher-context.ts';
import { createCtr } from './ctr.ts';
import { createEcb } from './ecb.ts';
import { createInPlaceCipher } from './in-place-cipher.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import { tested } from './known-answer.ts';
import { bindOpenssl, type Openssl } from './openssl.ts';
import { createOpensslSectorHash } from './sector-hash.ts';
import { createXts } from './xts.ts';

type CreateMode = (openssl: Openssl, request: InPlaceModeRequest) => InPlaceMode | undefined;

const createMode: ReadonlyMap<string, CreateMode> = new Map([
  ['ecb', tested('ecb', createEcb)],
  ['cbc', tested('cbc', createCbc)],
  ['ctr', tested('ctr', createCtr)],
  ['xts', createXts],
]);

/**
 * An engine over the libcrypto that Node itself uses, called directly: with less between a request and the processor's
 * AES instructions than `node:crypto` needs, and in place. It does ECB, CBC, CTR and XTS of the ciphers that OpenSSL has;
 * what it does not, the engines behind it do. Every method is compared with known answers before its first use.
 *
 * @returns undefined where the library does not have the functions
 */
export function createOpensslEngine(library: ForeignLibrary): CryptoEngine | undefined {
  const openssl = bindOpenssl(library);
  return (
    openssl && {
      name: 'openssl',
      create: (request) => create(openssl, request),
      createHash: (request) => (openssl.usable ? createOpensslSectorHash(openssl, request) : undefined),
    }
  );
}

function create(openssl: Openssl, request: SectorCipherRequest): SectorCipher | undefined {
  const { spec, key, sectorSize } = request;
  if (isNullCipher(spec) || spec.keyCount !== 1 || !openssl.usable) return undefined;
  const mode = createMode.get(spec.mode)?.(openssl, { cipher: spec.cipher, key, sectorSize });
  if (!mode) return undefined;
  try {
    const ivs = createIvGenerator(request, (ivKey) => createIvCipher(openssl, spec.cipher, ivKey));
    return createInPlaceCipher(openssl.area, mode, ivs, request);
  } catch (error) {
    mode.dispose();
    throw error;
  }
}

function createIvCipher(openssl: Openssl, name: string, key: Uint8Array): IvCipher {
  const { area } = openssl;
  const ecb = requireBlockCipher(name, key.length).openssl(key.length, 'ecb');
  const context = CipherContext.create(openssl, ecb, key, true);
  if (!context) throw openssl.failure('EVP_CIPHER_fetch');
  return {
    encrypt: (_ivs, count) => context.update(area.ivsAt, count * IV_SIZE),
    dispose: () => context.dispose(),
  };
}
