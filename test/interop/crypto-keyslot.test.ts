import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afMerge, createSectorCipher, pbkdf2, randomFill } from '../../src/crypto/index.ts';
import { requires } from '../suites/requires.ts';

/**
 * A LUKS1 keyslot holds the whole chain in one place: PBKDF2, sector cipher, AF splitter. The stock program makes
 * the slot, for a volume key that is known; it is opened here with nothing but the crypto room.
 */
describe.skipIf(!requires('cryptsetup'))('keyslots made by cryptsetup', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tscrypt-keyslot-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([
    ['aes-xts-plain64', 512, 'sha256'],
    ['aes-xts-plain64', 256, 'sha512'],
    ['aes-cbc-essiv:sha256', 256, 'sha1'],
    ['aes-cbc-essiv:sha256', 128, 'ripemd160'],
    ['aes-cbc-plain64', 192, 'sha384'],
  ])('%s, %i bits, %s', async (cipher, bits, hash) => {
    const image = join(directory, 'image');
    const keyFile = join(directory, 'key');
    const volumeKey = randomFill(new Uint8Array(bits / 8));
    writeFileSync(keyFile, volumeKey);
    writeFileSync(image, '');
    truncateSync(image, 4 * 1024 * 1024);
    const options = [
      '-q',
      '--type',
      'luks1',
      '--pbkdf-force-iterations',
      '1000',
      '--volume-key-file',
      keyFile,
    ];
    const format = ['luksFormat', ...options, '--hash', hash, '-c', cipher, '-s', String(bits), image, '-'];
    execFileSync('cryptsetup', format, { input: 'correct horse', stdio: 'pipe' });

    const header = readFileSync(image);
    // LUKS1 on-disk format, section 3: the first key slot starts at byte 208.
    const iterations = header.readUInt32BE(212);
    const salt = header.subarray(216, 248);
    const offset = header.readUInt32BE(248) * 512;
    const stripes = header.readUInt32BE(252);
    const password = Buffer.from('correct horse');
    const key = await pbkdf2({ hash, password, salt, iterations, length: bits / 8 });
    const length = Math.ceil((volumeKey.length * stripes) / 512) * 512;
    const material = header.subarray(offset, offset + length);
    const slotCipher = createSectorCipher({ spec: cipher, key: key.bytes, sectorSize: 512 });
    slotCipher.decrypt(material, 0);
    const merged = afMerge(material, volumeKey.length, stripes, hash);
    expect(Buffer.compare(merged.bytes, volumeKey)).toBe(0);
  });
});
