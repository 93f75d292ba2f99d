import type { MemoryDevice } from '../../../src/block/index.ts';
import type { Luks2Header } from '../../../src/luks2/index.ts';
import { printJson } from '../../../src/luks2/json.ts';
import { alterCopies, base64, type Loose, writeMetadata, writeText } from './images.ts';

export interface Mutation {
  /** The one thing that is wrong. */
  readonly name: string;
  apply(device: MemoryDevice, header: Luks2Header): void;
}

const json = (name: string, alter: (m: Loose) => void): Mutation => ({
  name,
  apply: (device, header) => writeMetadata(device, header, alter),
});

const text = (
  name: string,
  change: (text: string, header: Luks2Header) => string | Uint8Array,
): Mutation => ({
  name,
  apply: (device, header) => writeText(device, header.hdrSize, change(printJson(header.metadata), header)),
});

const binary = (name: string, alter: (copy: Uint8Array, secondary: boolean) => void): Mutation => ({
  name,
  apply: (device, header) => alterCopies(device, header.hdrSize, alter),
});

const bytes = (value: string) => new TextEncoder().encode(value);

/** A keyslot beside the first one, in the area behind it. */
function secondKeyslot(m: Loose): Loose {
  const first = m.keyslots[0];
  m.keyslots[1] = {
    ...first,
    af: { ...first.af },
    kdf: { ...first.kdf },
    area: { ...first.area, offset: String(Number(first.area.offset) + Number(first.area.size)) },
  };
  m.digests[0].keyslots.push('1');
  return m.keyslots[1];
}

/** Two segments: 4 KiB of crypt, then the dynamic rest. */
function secondSegment(m: Loose): Loose {
  const first = m.segments[0];
  m.segments[1] = { ...first, offset: String(Number(first.offset) + 4096) };
  first.size = '4096';
  m.digests[0].segments.push('1');
  return m.segments[1];
}

const BINARY: Mutation[] = [
  binary('magic of neither copy', (copy) => copy.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbf])),
  binary('magics exchanged', (copy, secondary) =>
    copy.set(secondary ? [0x4c, 0x55, 0x4b, 0x53] : [0x53, 0x4b, 0x55, 0x4c]),
  ),
  binary('version 1', (copy) => copy.set([0, 1], 6)),
  binary('version 3', (copy) => copy.set([0, 3], 6)),
  binary('version 258', (copy) => copy.set([1, 2], 6)),
  binary('hdr_size zero', (copy) => copy.fill(0, 8, 16)),
  binary('hdr_size of no header', (copy) => copy.set([0, 0, 0, 0, 0, 0, 0x50, 0], 8)),
  binary('hdr_size below 16 KiB', (copy) => copy.set([0, 0, 0, 0, 0, 0, 0x20, 0], 8)),
  binary('hdr_size above 4 MiB', (copy) => copy.set([0, 0, 0, 0, 0, 0x80, 0, 0], 8)),
  binary('hdr_size of 2^63', (copy) => copy.set([0x80, 0, 0, 0, 0, 0, 0, 0], 8)),
  binary('hdr_size larger than the device', (copy) => copy.set([0, 0, 0, 0, 0, 0x40, 0, 0], 8)),
  binary('seqid beyond 2^53', (copy) => copy.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 16)),
  binary('hdr_offset elsewhere', (copy) => copy.set([0, 0, 0, 0, 0, 0, 0x80, 0], 0x100)),
  binary('checksum_alg unknown', (copy) => copy.set(bytes('crc32!\0'), 0x48)),
  binary('checksum_alg empty', (copy) => copy.fill(0, 0x48, 0x68)),
  {
    name: 'checksums wrong',
    apply: (device, header) => {
      for (const at of [0x1c0, header.hdrSize + 0x1c0]) device.content[at]! ^= 1;
    },
  },
  {
    name: 'a bit of the padding flipped under the checksum',
    apply: (device, header) => {
      for (const at of [0x800, header.hdrSize + 0x800]) device.content[at]! ^= 1;
    },
  },
];

const TEXT: Mutation[] = [
  text('no JSON at all', () => ''),
  text('JSON is an array', () => '[]'),
  text('JSON is a string', () => '"{}"'),
  text('JSON is null', () => 'null'),
  text('JSON is an empty object', () => '{}'),
  text('JSON cut in the middle', (t) => t.slice(0, t.length / 2)),
  text('white space before the object', (t) => ` ${t}`),
  text('white space behind the object', (t) => `${t}\n`),
  text('a second object behind the first', (t) => `${t}{}`),
  text('bytes behind the NUL', (t) => `${t}\0x`),
  text('JSON fills its area to the last byte', (t, header) => {
    const room = header.hdrSize - 4096 - t.length - ',"x":""'.length;
    return `${t.slice(0, -1)},"x":"${'x'.repeat(room)}"}`;
  }),
  text('JSON is not UTF-8', (t) => {
    const broken = bytes(t.replace('"config"', '"cXnfig"'));
    broken[broken.indexOf(0x58)] = 0xff;
    return broken;
  }),
  text('a trailing comma', (t) => t.replace('"tokens":{}', '"tokens":{},')),
  text('a comment', (t) => t.replace('"tokens":', '/**/"tokens":')),
  text('single quotes', (t) => t.replace('"tokens"', "'tokens'")),
  text('two members of one name', (t) => t.replace('"tokens":{}', '"tokens":{},"tokens":{}')),
  text('two keyslots of one number', (t) => t.replace('"keyslots":{', '"keyslots":{"0":{},')),
  text('a control character in a string', (t) => t.replace('"sha256"', '"sha\t256"')),
  text('nested too deeply', (t) => `${t.slice(0, -1)},"x":${'['.repeat(40)}${']'.repeat(40)}}`),
  text('a number with a leading zero', (t) => t.replace('"stripes":4000', '"stripes":04000')),
  text('a number that is not written as an integer', (t) => t.replace('"stripes":4000', '"stripes":4000.0')),
  text('NaN', (t) => t.replace('"stripes":4000', '"stripes":NaN')),
];

const SECTIONS: Mutation[] = ['keyslots', 'tokens', 'segments', 'digests', 'config'].flatMap((section) => [
  json(`${section} missing`, (m) => delete m[section]),
  json(`${section} is an array`, (m) => {
    m[section] = [];
  }),
  json(`${section} is a number`, (m) => {
    m[section] = 42;
  }),
]);

const CONFIG: Mutation[] = [
  json('json_size missing', (m) => delete m.config.json_size),
  json('json_size is a number', (m) => {
    m.config.json_size = 12288;
  }),
  json('json_size differs from the binary header', (m) => {
    m.config.json_size = '28672';
  }),
  json('json_size above 64 bits', (m) => {
    m.config.json_size = '18446744073709563904';
  }),
  json('keyslots_size missing', (m) => delete m.config.keyslots_size),
  json('keyslots_size no multiple of 4096', (m) => {
    m.config.keyslots_size = String(Number(m.config.keyslots_size) - 512);
  }),
  json('keyslots_size above 128 MiB, header detached', (m) => {
    m.segments[0].offset = '0';
    m.config.keyslots_size = String(128 * 1024 * 1024 + 4096);
  }),
  json('keyslots_size negative', (m) => {
    m.config.keyslots_size = '-4096';
  }),
  json('keyslots area reaches into the data', (m) => {
    m.config.keyslots_size = String(Number(m.config.keyslots_size) + 4096);
  }),
  json('header region larger than the device', (m) => {
    m.segments[0].offset = '0';
    m.config.keyslots_size = String(64 * 1024 * 1024);
  }),
  json('config.flags is a string', (m) => {
    m.config.flags = 'allow-discards';
  }),
  json('config.flags holds a number', (m) => {
    m.config.flags = [1];
  }),
  json('requirements is an array', (m) => {
    m.config.requirements = ['online-reencrypt'];
  }),
  json('requirements.mandatory is a string', (m) => {
    m.config.requirements = { mandatory: 'online-reencrypt' };
  }),
  json('requirements.mandatory holds an object', (m) => {
    m.config.requirements = { mandatory: [{}] };
  }),
];

const KEYSLOTS: Mutation[] = [
  json('keyslot id is no number', (m) => {
    m.keyslots.x = m.keyslots[0];
  }),
  json('keyslot id with a leading zero', (m) => {
    secondKeyslot(m);
    m.keyslots['01'] = m.keyslots[1];
    delete m.keyslots[1];
    m.digests[0].keyslots = ['0', '01'];
  }),
  json('keyslot id 32', (m) => {
    secondKeyslot(m);
    m.keyslots[32] = m.keyslots[1];
    delete m.keyslots[1];
    m.digests[0].keyslots = ['0', '32'];
  }),
  json('keyslot is a number', (m) => {
    m.keyslots[0] = 42;
  }),
  json('keyslot without type', (m) => delete m.keyslots[0].type),
  json('keyslot without key_size', (m) => delete m.keyslots[0].key_size),
  json('key_size zero', (m) => {
    m.keyslots[0].key_size = 0;
  }),
  json('key_size negative', (m) => {
    m.keyslots[0].key_size = -16;
  }),
  json('key_size above 32 bits', (m) => {
    m.keyslots[0].key_size = 2 ** 32;
  }),
  json('key_size is a string', (m) => {
    m.keyslots[0].key_size = '16';
  }),
  json('priority 3', (m) => {
    m.keyslots[0].priority = 3;
  }),
  json('area missing', (m) => delete m.keyslots[0].area),
  json('area without type', (m) => delete m.keyslots[0].area.type),
  json('area of a type no luks2 keyslot has', (m) => {
    m.keyslots[0].area.type = 'journal';
  }),
  json('area without offset', (m) => delete m.keyslots[0].area.offset),
  json('area offset is a number', (m) => {
    m.keyslots[0].area.offset = 32768;
  }),
  json('area offset in hexadecimal', (m) => {
    m.keyslots[0].area.offset = '0x8000';
  }),
  json('area in the secondary header', (m) => {
    m.keyslots[0].area.offset = '16384';
  }),
  json('area beyond the keyslots area', (m) => {
    m.keyslots[0].area.offset = String(32768 + Number(m.config.keyslots_size) - 4096);
  }),
  json('area whose end wraps around 2^64', (m) => {
    m.keyslots[0].area.size = String(2n ** 64n - 32768n);
  }),
  json('area empty', (m) => {
    m.keyslots[0].area.size = '0';
  }),
  json('area too small for the key', (m) => {
    m.keyslots[0].area.size = '4096';
  }),
  json('area without encryption', (m) => delete m.keyslots[0].area.encryption),
  json('area encryption empty', (m) => {
    m.keyslots[0].area.encryption = '';
  }),
  json('area without key_size', (m) => delete m.keyslots[0].area.key_size),
  json('areas overlap', (m) => {
    secondKeyslot(m).area.offset = String(32768 + 4096);
  }),
  json('areas are the same', (m) => {
    secondKeyslot(m).area.offset = m.keyslots[0].area.offset;
  }),
  json('af missing', (m) => delete m.keyslots[0].af),
  json('af of an unknown type', (m) => {
    m.keyslots[0].af.type = 'luks9';
  }),
  json('af with 3999 stripes', (m) => {
    m.keyslots[0].af.stripes = 3999;
  }),
  json('af without hash', (m) => delete m.keyslots[0].af.hash),
  json('kdf missing', (m) => delete m.keyslots[0].kdf),
  json('kdf without type', (m) => delete m.keyslots[0].kdf.type),
  json('kdf salt is not base64', (m) => {
    m.keyslots[0].kdf.salt = 'salt!';
  }),
  json('kdf salt empty', (m) => {
    m.keyslots[0].kdf.salt = '';
  }),
  json('pbkdf2 without iterations', (m) => delete m.keyslots[0].kdf.iterations),
  json('pbkdf2 with no iterations', (m) => {
    m.keyslots[0].kdf.iterations = 0;
  }),
  json('argon2id without memory', (m) => {
    m.keyslots[0].kdf = { type: 'argon2id', time: 4, cpus: 1, salt: base64(32) };
  }),
  json('argon2i with a fraction of a pass', (m) => {
    m.keyslots[0].kdf = { type: 'argon2i', time: 1.5, memory: 64, cpus: 1, salt: base64(32) };
  }),
  json('no digest belongs to a keyslot', (m) => {
    m.digests[0].keyslots = [];
  }),
];

const SEGMENTS: Mutation[] = [
  json('no segment', (m) => {
    m.segments = {};
    m.digests[0].segments = [];
  }),
  json('segments begin at 1', (m) => {
    m.segments = { 1: m.segments[0] };
    m.digests[0].segments = ['1'];
  }),
  json('a gap between segments', (m) => {
    secondSegment(m);
    m.segments[2] = m.segments[1];
    delete m.segments[1];
    m.digests[0].segments = ['0', '2'];
  }),
  json('segment without type', (m) => delete m.segments[0].type),
  json('segment without offset', (m) => delete m.segments[0].offset),
  json('segment without size', (m) => delete m.segments[0].size),
  json('segment offset no multiple of 512', (m) => {
    m.segments[0].offset = String(Number(m.segments[0].offset) + 100);
  }),
  json('segment size no multiple of 512', (m) => {
    m.segments[0].size = '1000';
  }),
  json('segment size zero', (m) => {
    m.segments[0].size = '0';
  }),
  json('segment size negative', (m) => {
    m.segments[0].size = '-512';
  }),
  json('segment size is a number', (m) => {
    m.segments[0].size = 4096;
  }),
  json('segment size no multiple of its sectors', (m) => {
    m.segments[0].sector_size = 4096;
    m.segments[0].size = '4608';
  }),
  json('segment in the header', (m) => {
    m.segments[0].offset = '32768';
  }),
  json('crypt segment without encryption', (m) => delete m.segments[0].encryption),
  json('crypt segment with empty encryption', (m) => {
    m.segments[0].encryption = '';
  }),
  json('crypt segment without iv_tweak', (m) => delete m.segments[0].iv_tweak),
  json('crypt segment with a negative iv_tweak', (m) => {
    m.segments[0].iv_tweak = '-1';
  }),
  json('crypt segment without sector_size', (m) => delete m.segments[0].sector_size),
  json('sector_size 0', (m) => {
    m.segments[0].sector_size = 0;
  }),
  json('sector_size 1536', (m) => {
    m.segments[0].sector_size = 1536;
  }),
  json('sector_size 8192', (m) => {
    m.segments[0].sector_size = 8192;
  }),
  json('integrity without journal_integrity', (m) => {
    m.segments[0].integrity = { type: 'hmac(sha256)', journal_encryption: 'none' };
  }),
  json('no digest belongs to a crypt segment', (m) => {
    m.digests[0].segments = [];
  }),
  json('segment flags is a string', (m) => {
    m.segments[0].flags = 'backup-final';
  }),
  json('the only segment is a backup', (m) => {
    m.segments[0].flags = ['backup-final'];
  }),
  json('regular segment behind a backup', (m) => {
    secondSegment(m);
    m.segments[2] = { ...m.segments[1], offset: '8388608' };
    m.segments[1].flags = ['backup-previous'];
    m.digests[0].segments.push('2');
  }),
  json('segments overlap', (m) => {
    secondSegment(m);
    m.segments[0].size = '8192';
  }),
  json('dynamic segment before the last', (m) => {
    secondSegment(m);
    m.segments[0].size = 'dynamic';
  }),
];

const REFERENCES: Mutation[] = [
  json('digest id 8', (m) => {
    m.digests[8] = m.digests[0];
  }),
  json('digest without type', (m) => delete m.digests[0].type),
  json('digest of a missing keyslot', (m) => {
    m.digests[0].keyslots.push('5');
  }),
  json('digest of a missing segment', (m) => {
    m.digests[0].segments.push('5');
  }),
  json('digest of an inherited name', (m) => {
    m.digests[0].keyslots.push('__proto__');
  }),
  json('digest keyslots holds a number', (m) => {
    m.digests[0].keyslots = [0];
  }),
  json('digest names a keyslot twice', (m) => {
    m.digests[0].keyslots = ['0', '0'];
  }),
  json('digest without salt', (m) => delete m.digests[0].salt),
  json('digest value is not base64', (m) => {
    m.digests[0].digest = '=?=';
  }),
  json('digest without hash', (m) => delete m.digests[0].hash),
  json('digest with no iterations', (m) => {
    m.digests[0].iterations = 0;
  }),
  json('token id is no number', (m) => {
    m.tokens.a = { type: 'x', keyslots: [] };
  }),
  json('token id 32', (m) => {
    m.tokens[32] = { type: 'x', keyslots: [] };
  }),
  json('token is a string', (m) => {
    m.tokens[0] = 'x';
  }),
  json('token without type', (m) => {
    m.tokens[0] = { keyslots: [] };
  }),
  json('token without keyslots', (m) => {
    m.tokens[0] = { type: 'x' };
  }),
  json('token of a missing keyslot', (m) => {
    m.tokens[0] = { type: 'x', keyslots: ['5'] };
  }),
];

/** Headers with one thing wrong each; both copies are the same and have right checksums unless it is those. */
export const MUTATIONS: readonly Mutation[] = [
  ...BINARY,
  ...TEXT,
  ...SECTIONS,
  ...CONFIG,
  ...KEYSLOTS,
  ...SEGMENTS,
  ...REFERENCES,
];
