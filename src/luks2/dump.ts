import { keyslotsSize } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import { printJson } from './json.ts';
import type {
  Argon2Kdf,
  CryptSegment,
  Digest,
  Keyslot,
  Luks2Keyslot,
  Pbkdf2Digest,
  Pbkdf2Kdf,
  Segment,
  Token,
} from './metadata.ts';
import { PRIORITIES } from './unlock.ts';

/** What `cryptsetup luksDump` prints of a LUKS2 header, byte for byte. */
export function dumpText(header: Luks2Header): string {
  return [
    ...summary(header),
    ...flags(header),
    'Data segments:',
    ...byNumber(header.metadata.segments).flatMap(([id, segment]) => dumpSegment(id, segment)),
    'Keyslots:',
    ...byNumber(header.metadata.keyslots).flatMap(([id, keyslot]) => dumpKeyslot(header, id, keyslot)),
    'Tokens:',
    ...byNumber(header.metadata.tokens).flatMap(([id, token]) => dumpToken(id, token)),
    'Digests:',
    ...byNumber(header.metadata.digests).flatMap(([id, digest]) => dumpDigest(id, digest)),
    '',
  ].join('\n');
}

/** The metadata as `cryptsetup luksDump --dump-json-metadata` prints it, ending in a newline. */
export function dumpJson(header: Luks2Header): string {
  return `${printJson(header.metadata, true)}\n`;
}

function byNumber<T>(objects: Record<string, T>): [string, T][] {
  return Object.entries(objects).sort(([a], [b]) => Number(a) - Number(b));
}

function summary(header: Luks2Header): string[] {
  return [
    'LUKS header information',
    `Version:       \t${header.version}`,
    `Epoch:         \t${header.seqid}`,
    `Metadata area: \t${header.hdrSize} [bytes]`,
    `Keyslots area: \t${keyslotsSize(header)} [bytes]`,
    `UUID:          \t${header.uuid || '(no UUID)'}`,
    `Label:         \t${header.label || '(no label)'}`,
    `Subsystem:     \t${header.subsystem || '(no subsystem)'}`,
  ];
}

function flags(header: Luks2Header): string[] {
  const { flags: set = [], requirements } = header.metadata.config;
  const mandatory = requirements?.mandatory ?? [];
  const list = (names: readonly string[]) => names.map((name) => `${name} `).join('');
  return [
    `Flags:       \t${set.length > 0 ? list(set) : '(no flags)'}`,
    ...(mandatory.length > 0 ? [`Requirements:\t${list(mandatory)}`] : []),
    '',
  ];
}

function dumpSegment(id: string, segment: Segment): string[] {
  const { encryption, sector_size, integrity } = segment as Partial<CryptSegment>;
  const type = (integrity as { type?: unknown } | undefined)?.type;
  return [
    `  ${id}: ${segment.type}`,
    `\toffset: ${BigInt(segment.offset)} [bytes]`,
    `\tlength: ${segment.size === 'dynamic' ? '(whole device)' : `${BigInt(segment.size)} [bytes]`}`,
    ...(encryption === undefined ? [] : [`\tcipher: ${encryption}`]),
    ...(sector_size === undefined ? [] : [`\tsector: ${sector_size} [bytes]`]),
    ...(type === undefined ? [] : [`\tintegrity: ${type}`]),
    ...(segment.flags?.length ? [`\tflags : ${segment.flags.join(', ')}`] : []),
    '',
  ];
}

function priorityText(keyslot: Keyslot): string {
  switch (keyslot.priority ?? PRIORITIES.normal) {
    case PRIORITIES.ignore:
      return 'ignored';
    case PRIORITIES.prefer:
      return 'preferred';
    default:
      return 'normal';
  }
}

function dumpKeyslot(header: Luks2Header, id: string, keyslot: Keyslot): string[] {
  const { metadata } = header;
  const digests = byNumber(metadata.digests).filter(([, digest]) => digest.keyslots.includes(id));
  // The stock tools call unbound what does not open the first segment.
  const bound = digests.some(([, digest]) => digest.segments.includes('0'));
  return [
    `  ${id}: ${keyslot.type}${bound ? '' : ' (unbound)'}`,
    `\tKey:        ${keyslot.key_size * 8} bits`,
    `\tPriority:   ${priorityText(keyslot)}`,
    ...(keyslot.type === 'luks2' ? dumpLuks2Keyslot(keyslot as Luks2Keyslot) : []),
    ...(keyslot.type === 'reencrypt' ? dumpReencryptKeyslot(keyslot) : []),
    ...digests.map(([digest]) => `\tDigest ID:  ${digest}`),
  ];
}

function dumpLuks2Keyslot({ area, af, kdf }: Luks2Keyslot): string[] {
  const { hash, iterations } = kdf as Pbkdf2Kdf;
  const { time, memory, cpus } = kdf as Argon2Kdf;
  const costs =
    kdf.type === 'pbkdf2'
      ? [`\tHash:       ${hash}`, `\tIterations: ${iterations}`]
      : [`\tTime cost:  ${time}`, `\tMemory:     ${memory}`, `\tThreads:    ${cpus}`];
  return [
    `\tCipher:     ${area.encryption}`,
    `\tCipher key: ${(area.key_size ?? 0) * 8} bits`,
    `\tPBKDF:      ${kdf.type}`,
    ...costs,
    `\tSalt:       ${hex(kdf.salt)}`,
    `\tAF stripes: ${af.stripes}`,
    `\tAF hash:    ${af.hash}`,
    `\tArea offset:${BigInt(area.offset)} [bytes]`,
    `\tArea length:${BigInt(area.size)} [bytes]`,
  ];
}

function dumpReencryptKeyslot(keyslot: Keyslot): string[] {
  const { area } = keyslot;
  const lines = [
    `\tMode:       ${keyslot.mode}`,
    `\tDirection:  ${keyslot.direction}`,
    `\tResilience: ${area.type}`,
  ];
  if (area.type.endsWith('checksum'))
    lines.push(`\tHash:       ${area.hash}`, `\tHash data:  ${area.sector_size} [bytes]`);
  if (area.type.startsWith('datashift')) lines.push(`\tShift size: ${area.shift_size}[bytes]`);
  return [
    ...lines,
    `\tArea offset:${BigInt(area.offset)} [bytes]`,
    `\tArea length:${BigInt(area.size)} [bytes]`,
  ];
}

function dumpToken(id: string, token: Token): string[] {
  const description = token.type === 'luks2-keyring' ? [`\tKey description: ${token.key_description}`] : [];
  return [
    `  ${id}: ${token.type}`,
    ...description,
    ...token.keyslots.map((keyslot) => `\tKeyslot:    ${keyslot}`),
  ];
}

function dumpDigest(id: string, digest: Digest): string[] {
  const lines = [`  ${id}: ${digest.type}`];
  if (digest.type !== 'pbkdf2') return lines;
  const { hash, iterations, salt, digest: value } = digest as Pbkdf2Digest;
  return [
    ...lines,
    `\tHash:       ${hash}`,
    `\tIterations: ${iterations}`,
    `\tSalt:       ${hex(salt)}`,
    `\tDigest:     ${hex(value)}`,
  ];
}

/** Sixteen bytes a line, each followed by a space, further lines under the first. */
function hex(base64: string): string {
  const bytes = Array.from(Buffer.from(base64, 'base64'), (byte) => `${byte.toString(16).padStart(2, '0')} `);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(bytes.slice(at, at + 16).join(''));
  return lines.join('\n\t            ');
}
