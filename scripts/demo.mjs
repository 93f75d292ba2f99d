// The main job, end to end, as any user, without root, kernel modules or servers: a LUKS2 volume is made,
// opened, written and read over NBD, closed and opened again. Every step prints the command that a user
// would type. Ends with OK, or with a status that is not 0.
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MIB = 1024 * 1024;
const IMAGE_SIZE = 64 * MIB;
const NAME = 'demo';
const MARKER = Buffer.from('plaintext that must never be seen in the image\n');
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

const program = fileURLToPath(new URL('../bin/tscrypt.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tscrypt-demo-'));
const runtime = join(directory, 'run');
const env = { ...process.env, PATH, TSCRYPT_RUNTIME_DIR: runtime };
let isOpen = false;
let step = 0;

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => cleanUp().finally(() => process.exit(1)));
}

process.exitCode = await demo().then(
  () => 0,
  (error) => {
    console.error(`\nFAILED: ${error.message}`);
    return 1;
  },
);
await cleanUp();
if (process.exitCode === 0) console.log('\nOK: what was written came back, and the image shows none of it.');

async function demo() {
  mkdirSync(runtime, { mode: 0o700 });
  console.log(`In ${directory}, which goes away at the end:`);
  title('Make an image of 64 MiB and a key file');
  type('truncate', '-s', '64M', 'disk.img');
  writeFileSync(join(directory, 'disk.img'), '');
  truncateSync(join(directory, 'disk.img'), IMAGE_SIZE);
  type('head', '-c', '32', '/dev/urandom', '>key');
  writeFileSync(join(directory, 'key'), randomBytes(32), { mode: 0o600 });

  title('Format it as LUKS2: Argon2id, here at half a second instead of the usual two');
  await tscrypt('luksFormat', '--batch-mode', '--iter-time', '500', 'disk.img', 'key');
  say(pick(await quietly('luksDump', 'disk.img'), /cipher:|PBKDF:|Memory:|Time cost:|sector:/));
  await checkWithCryptsetup();

  title('A wrong key is refused');
  writeFileSync(join(directory, 'wrong'), randomBytes(32), { mode: 0o600 });
  await tscryptFails(2, 'open', '--key-file', 'wrong', 'disk.img', NAME);

  title('Open it: the decrypted device appears as an NBD export on a unix socket');
  await openVolume();
  const { uris, size } = JSON.parse(await quietly('status', '--json', NAME));
  const [uri] = uris;

  title(`Write ${size / MIB} MiB through it`);
  const content = await makeContent(size);
  await copy(join(directory, 'plain.img'), uri, 'write');

  title('Read it back');
  await copy(join(directory, 'back.img'), uri, 'read', size);
  await compare('back.img', content);

  title('Close it');
  await closeVolume();
  await checkImageShowsNothing();

  title('Open it again, and read again');
  await openVolume();
  const again = JSON.parse(await quietly('status', '--json', NAME)).uris[0];
  await copy(join(directory, 'again.img'), again, 'read', size);
  await compare('again.img', content);
  await closeVolume();
}

async function openVolume() {
  await tscrypt('open', '--key-file', 'key', 'disk.img', NAME);
  isOpen = true;
  await tscrypt('status', NAME);
}

async function closeVolume() {
  await tscrypt('close', NAME);
  isOpen = false;
  await tscryptFails(4, 'status', NAME);
}

/** A file system with a file in it where mkfs.ext4 is installed, else random data; its SHA-256. */
async function makeContent(size) {
  const file = join(directory, 'plain.img');
  const payload = Buffer.concat([Buffer.alloc(MIB, MARKER), randomBytes(4 * MIB)]);
  if (has('mkfs.ext4')) {
    mkdirSync(join(directory, 'files'));
    writeFileSync(join(directory, 'files', 'letter'), payload);
    type('mkfs.ext4', '-q', '-d', 'files', 'plain.img', `${size / 1024}k`);
    await run('mkfs.ext4', ['-q', '-F', '-d', 'files', 'plain.img', `${size / 1024}k`]);
    say('An ext4 file system with one file.');
  } else {
    writeFileSync(file, Buffer.concat([payload, randomBytes(size - payload.length)]));
    say('mkfs.ext4 is not installed: random data and a text.');
  }
  if (!contains(file, MARKER)) throw new Error('the text is not in the data to be written');
  return sha256(file);
}

/** Copies between a file and the export, with a stock NBD client if one is here, else the built-in one. */
async function copy(file, uri, direction, size) {
  const [from, to] = direction === 'write' ? [file, uri] : [uri, file];
  if (has('nbdcopy')) return command('nbdcopy', from, to);
  if (has('qemu-img')) {
    const existing = direction === 'write' ? ['-n'] : [];
    return command('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', ...existing, from, to);
  }
  say('Neither nbdcopy nor qemu-img is installed: the client built into tscrypt does it.');
  const { connectNbd } = await import('../dist/index.js');
  const device = await connectNbd(uri, { readOnly: direction === 'read' });
  const handle = await open(file, direction === 'write' ? 'r' : 'w');
  try {
    const piece = new Uint8Array(MIB);
    const total = size ?? (await stat(file)).size;
    for (let offset = 0; offset < total; offset += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, total - offset));
      if (direction === 'write') {
        await handle.read(part, 0, part.length, offset);
        await device.write(offset, part);
      } else {
        await device.read(offset, part);
        await handle.write(part, 0, part.length, offset);
      }
    }
    if (direction === 'write') await device.flush();
  } finally {
    await handle.close();
    await device.close();
  }
}

async function compare(name, expected) {
  const found = await sha256(join(directory, name));
  if (found !== expected) throw new Error(`${name} is not what was written: ${found}, not ${expected}`);
  say(`SHA-256 ${found.slice(0, 16)}…: the same.`);
}

async function checkImageShowsNothing() {
  const image = join(directory, 'disk.img');
  if (contains(image, MARKER)) throw new Error('the plaintext is in the image');
  if (!contains(image, Buffer.from('LUKS\xba\xbe', 'latin1'))) throw new Error('the image is no LUKS volume');
  say('disk.img is searched: the text that was written is nowhere in it.');
}

async function checkWithCryptsetup() {
  if (!has('cryptsetup')) return;
  // The directory of its locks is root's.
  const locks = process.getuid() === 0 ? [] : ['--disable-locks'];
  await command('cryptsetup', 'open', '--test-passphrase', ...locks, '--key-file', 'key', 'disk.img');
  say('cryptsetup opens it, too.');
}

async function tscrypt(...args) {
  type('tscrypt', ...args);
  say(await quietly(...args));
}

async function quietly(...args) {
  return (await run(process.execPath, [program, ...args])).stdout;
}

async function tscryptFails(expected, ...args) {
  type('tscrypt', ...args);
  const result = await run(process.execPath, [program, ...args]).then(
    () => ({ code: 0, stdout: '', stderr: '' }),
    (error) => error,
  );
  say(`${result.stdout}${result.stderr}`);
  if (result.code !== expected) throw new Error(`exit status ${result.code} where ${expected} was expected`);
  say(`(exit status ${expected})`);
}

async function command(name, ...args) {
  type(name, ...args);
  const { stdout, stderr } = await run(name, args);
  say(`${stdout}${stderr}`);
}

function run(file, args) {
  return promisify(execFile)(file, args, { cwd: directory, env, maxBuffer: MIB });
}

function title(text) {
  console.log(`\n${++step}. ${text}`);
}

function type(...words) {
  const quoted = words.map((word) => word.replaceAll(`${directory}/`, ''));
  console.log(`   $ ${quoted.map((word) => (/[?&]/.test(word) ? `'${word}'` : word)).join(' ')}`);
}

function say(text) {
  for (const line of text.replaceAll(`${directory}/`, '').trimEnd().split('\n'))
    if (line !== '') console.log(`     ${line}`);
}

function pick(text, pattern) {
  return text
    .split('\n')
    .filter((line) => pattern.test(line))
    .map((line) => line.trim())
    .join('\n');
}

function has(name) {
  return PATH.split(':').some((place) => existsSync(join(place, name)));
}

async function sha256(file) {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest('hex');
}

function contains(file, text) {
  return readFileSync(file).includes(text);
}

async function cleanUp() {
  if (isOpen) await quietly('close', NAME).catch(() => {});
  rmSync(directory, { recursive: true, force: true });
}
