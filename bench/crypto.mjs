// Sector ciphers through the production path against one createCipheriv() call per sector, in one run.
//   npm run build && node bench/crypto.mjs
// GB/s (10^9 bytes), one thread, in place; the best of interleaved rounds, so that other load on the machine
// disturbs both alike.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createSectorCipher } from '../dist/crypto/index.js';

const ROUNDS = 15;
const ROUND_BYTES = 4 << 20;
const SPECS = [
  { spec: 'aes-xts-plain64', openssl: 'aes-256-xts', keySize: 64 },
  { spec: 'aes-cbc-plain64', openssl: 'aes-256-cbc', keySize: 32 },
];

function perSector(create, openssl, key, sectorSize) {
  const iv = Buffer.alloc(16);
  return (data) => {
    for (let at = 0, sector = 0; at < data.length; at += sectorSize, sector += sectorSize / 512) {
      iv.writeUIntLE(sector, 0, 6);
      const part = data.subarray(at, at + sectorSize);
      part.set(create(openssl, key, iv).setAutoPadding(false).update(part));
    }
  };
}

function round(run, data) {
  const times = Math.max(1, ROUND_BYTES / data.length);
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) run(data);
  return (times * data.length) / Number(process.hrtime.bigint() - start);
}

console.log(`node ${process.version}, OpenSSL ${process.versions.openssl}`);
console.log('cipher            sector  request   encrypt  per call  ratio   decrypt  per call  ratio');
for (const { spec, openssl, keySize } of SPECS) {
  for (const sectorSize of [512, 1024, 2048, 4096]) {
    const key = randomBytes(keySize);
    const cipher = createSectorCipher({ spec, key, sectorSize });
    const runs = [
      (data) => cipher.encrypt(data, 0),
      perSector(createCipheriv, openssl, key, sectorSize),
      (data) => cipher.decrypt(data, 0),
      perSector(createDecipheriv, openssl, key, sectorSize),
    ];
    for (const request of [4096, 128 << 10, 1 << 20]) {
      const data = randomBytes(request);
      const best = runs.map(() => 0);
      for (let i = 0; i < ROUNDS; i++) {
        runs.forEach((run, n) => {
          best[n] = Math.max(best[n], round(run, data));
        });
      }
      const [encrypt, encryptCall, decrypt, decryptCall] = best;
      const columns = [
        spec.padEnd(16),
        String(sectorSize).padStart(7),
        String(request).padStart(8),
        encrypt.toFixed(2).padStart(9),
        encryptCall.toFixed(2).padStart(9),
        `${(encrypt / encryptCall).toFixed(1)}x`.padStart(6),
        decrypt.toFixed(2).padStart(9),
        decryptCall.toFixed(2).padStart(9),
        `${(decrypt / decryptCall).toFixed(1)}x`.padStart(6),
      ];
      console.log(columns.join(' '));
    }
    cipher.dispose();
  }
}
