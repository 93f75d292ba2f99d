import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.ts';
import { runInKernel } from '../kernel/harness/harness.ts';
import { FLAGS, LogReplay, type ReplayEntry } from '../models/log-replay.ts';
import { requires } from '../suites/requires.ts';
import { check, ROOT, run, workspace } from '../suites/tools.ts';

/**
 * Linux makes and uses a file system, once on an export of a log-writes device of ours and once on its own
 * log-writes. Each log is replayed up to every mark, to flushes and to entries in between: the file system must be
 * whole there, after its journal was replayed, with all that was synchronised before.
 */

const MIB = 1024 * 1024;
const SIZE = 12 * MIB;
/** How many flushes, and how many entries of any kind, the file system is looked at after, besides all marks. */
const SAMPLES = 24;

/** What is done to the file system, as a script for the guest, and what must be there at each mark. */
class Work {
  readonly sources = new Map<string, Uint8Array>();
  /** At each mark the files that were synchronised, by their names. */
  readonly marks = new Map<string, Files>();
  /** At each mark what is in the root. */
  readonly names = new Map<string, readonly string[]>();
  readonly #files = new Map<string, Uint8Array>();
  readonly #names = new Set(['.', '..', 'lost+found']);
  readonly #script: string[] = [];

  get script(): string {
    return this.#script.join('\n');
  }

  do(command: string): this {
    this.#script.push(command);
    return this;
  }

  /** Writes a file and synchronises it, and the directory. */
  write(name: string, size: number): this {
    this.#script.push(
      `dd if="$SOURCES/${this.#source(name, size)}" of=/mnt/${name} bs=64K conv=fsync status=none`,
    );
    return this.do('sync /mnt');
  }

  /** Writes data that nobody synchronises. */
  scribble(name: string, size: number): this {
    const source = this.#source(name, size);
    this.#files.delete(name);
    return this.do(`dd if="$SOURCES/${source}" of=/mnt/${name} bs=4K oflag=direct status=none`);
  }

  rename(from: string, to: string): this {
    const content = this.#files.get(from);
    if (content) this.#files.set(to, content);
    this.#names.add(to);
    this.#forget(from);
    return this.do(`mv /mnt/${from} /mnt/${to}; sync /mnt`);
  }

  remove(name: string): this {
    this.#forget(name);
    return this.do(`rm /mnt/${name}; sync /mnt`);
  }

  mark(name: string): this {
    this.marks.set(name, new Map(this.#files));
    this.names.set(name, [...this.#names].sort());
    return this.do(`mark ${name}`);
  }

  #forget(name: string): void {
    this.#files.delete(name);
    this.#names.delete(name);
  }

  #source(name: string, size: number): string {
    const source = `${this.sources.size}`;
    const content = createHash('shake128', { outputLength: size }).update(`${name} ${source}`).digest();
    this.sources.set(source, content);
    this.#files.set(name, content);
    this.#names.add(name);
    return source;
  }
}

const work = new Work()
  .do('mkfs.ext4 -q -b 1024 -J size=1 "$disk"')
  .mark('made')
  .do('mount -o discard "$disk" /mnt')
  .mark('mounted');
for (let i = 0; i < 10; i++) {
  work.write(`kept-${i}`, i * 17_001).mark(`kept-${i}`);
  work.scribble(`scribbled-${i % 3}`, 300_000);
  if (i % 2 === 1) work.rename(`kept-${i - 1}`, `renamed-${i - 1}`).mark(`renamed-${i - 1}`);
  if (i % 3 === 2) work.write('again', 50_000 + 1000 * i).mark(`again-${i}`);
  if (i % 4 === 3) work.remove(`kept-${i}`).mark(`removed-${i}`);
}
work.do('sync').do('umount /mnt').mark('unmounted');

const SCRIPT = `
set -e
cd /dev/shm
SOURCES=$DIR/sources

work() {
  truncate -s ${SIZE} data
  truncate -s ${64 * MIB} log
  begin
  ${work.script}
  end
  cp --sparse=always data "$DIR/$1.data"
  cp --sparse=always log "$DIR/$1.log"
  rm data log
}

begin() {
  coproc export { exec "$NODE" "$DIR/export.mjs" data log socket; }
  answered ready
  nbd-client -unix socket -name logged -block-size 512 /dev/nbd0 >&2
  disk=/dev/nbd0
}
answered() {
  read -r line <&"\${export[0]}"
  [ "$line" = "$1" ]
}
mark() {
  echo "mark $1" >&"\${export[1]}"
  answered ok
}
end() {
  nbd-client -d /dev/nbd0 >&2
  exec {export[1]}>&-
  answered closed
}
work ours

begin() {
  data=$(losetup --find --show data) log=$(losetup --find --show log)
  dmsetup create logged --table "0 ${SIZE / 512} log-writes $data $log"
  disk=/dev/mapper/logged
}
mark() { dmsetup message logged 0 mark "$1"; }
end() {
  dmsetup remove logged
  losetup -d "$data" "$log"
}
work linux
`;

describe.skipIf(!requires('uml', 'mkfs.ext4', 'e2fsck', 'debugfs', 'nbd-client', 'dmsetup'))(
  'a file system after a power cut, as a log-writes log tells of it',
  () => {
    const files = workspace();

    beforeAll(async () => {
      await mkdir(files.file('sources'));
      await mkdir(files.file('found'));
      await symlink(`${ROOT}node_modules`, files.file('node_modules'));
      for (const [name, content] of work.sources) await writeFile(files.file(`sources/${name}`), content);
      await build({
        entryPoints: [fileURLToPath(new URL('log-writes-export.ts', import.meta.url))],
        ...{ outfile: files.file('export.mjs'), bundle: true, platform: 'node', format: 'esm' },
        ...{ external: ['koffi'], logLevel: 'warning' },
        banner: {
          js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
        },
      });
      const result = await runInKernel(SCRIPT, {
        rwDirs: [files.path],
        modules: ['nbd'],
        env: { DIR: files.path, NODE: process.execPath },
        timeout: 240_000,
      });
      expect(result, result.stderr).toMatchObject({ status: 0 });
    }, 300_000);

    /** Checks the file system in `image`, of which each of `kept` must be there. @returns names in its root */
    async function look(image: Uint8Array, kept: ReadonlyMap<string, Uint8Array>): Promise<Set<string>> {
      const path = files.file('image');
      await writeFile(path, image);
      const first = await run('e2fsck', ['-f', '-y', path]);
      expect([0, 1], first.stdout).toContain(first.status);
      // The sums in the super block are brought up to date when it is unmounted, and by e2fsck; all else is a loss.
      const repaired = [...first.stdout.matchAll(/^(.+)\n.*\? yes$/gm)].map(([, problem]) => problem);
      expect(
        repaired.filter((problem) => !/^Free (blocks|inodes) count wrong \(/.test(`${problem}`)),
      ).toEqual([]);
      await check('e2fsck', ['-f', '-n', path]);
      const dumps = [...kept.keys()].map((name) => `dump /${name} ${files.file(`found/${name}`)}\n`);
      const { stdout } = await check('debugfs', ['-f', '-', path], { stdin: `ls -p /\n${dumps.join('')}` });
      for (const [name, content] of kept) {
        const found = files.file(`found/${name}`);
        expect((await readFile(found)).equals(content), name).toBe(true);
        await rm(found);
      }
      return new Set(
        [...stdout.matchAll(/^\/\d+\/\d+\/\d+\/\d+\/([^/]+)\//gm)].map(([, name]) => name ?? ''),
      );
    }

    for (const who of ['ours', 'linux'] as const) {
      describe(who === 'ours' ? 'our log' : "Linux's log", () => {
        let replay: LogReplay;
        let end: Uint8Array;

        beforeAll(async () => {
          replay = await LogReplay.read(new MemoryDevice(await readFile(files.file(`${who}.log`))));
          end = await readFile(files.file(`${who}.data`));
        });

        it('is replayed to what the disk is in the end', async () => {
          const [zeroed, ignored] = [new MemoryDevice(SIZE), new MemoryDevice(SIZE)];
          await replay.replay(zeroed);
          await replay.replay(ignored, { discards: 'ignore' });
          for (let at = 0; at < SIZE; at += 512) {
            // Anything may be where something was discarded.
            const sector = ({ content }: MemoryDevice) => content.subarray(at, at + 512);
            const possible = [sector(zeroed), sector(ignored)];
            if (possible.some((each) => Buffer.compare(each, end.subarray(at, at + 512)) === 0)) continue;
            expect.fail(`sector ${at / 512} is something else`);
          }
        });

        it('has every mark, in order, and all kinds of entries', () => {
          const marks = replay.having(FLAGS.mark).map((number) => replay.entries[number]?.text);
          expect(marks).toEqual([...work.marks.keys(), 'dm-log-writes-end']);
          expect(replay.having(FLAGS.flush).length).toBeGreaterThan(20);
          expect(replay.having(FLAGS.fua).length).toBeGreaterThan(10);
          expect(replay.having(FLAGS.discard).length).toBeGreaterThan(10);
        });

        for (const discards of ['zero', 'ignore'] as const) {
          it(`has a whole file system everywhere, with what was synchronised: discards ${discards}`, async () => {
            const disk = new MemoryDevice(SIZE);
            const made = replay.mark('made');
            const all = replay.entries.map(({ number }) => number);
            const chosen = [
              ...replay.having(FLAGS.mark),
              ...sample(replay.having(FLAGS.flush)),
              ...sample(all),
            ];
            const places = [...new Set(chosen)].filter((number) => number >= made).sort((a, b) => a - b);
            let from = 0;
            for (const to of places) {
              await replay.replay(disk, { from, to: to + 1, discards });
              from = to + 1;
              const before = replay.entries.slice(0, to + 1).findLast(isMark)?.text ?? '';
              const after = replay.entries.slice(to).find(isMark)?.text ?? '';
              const names = await look(disk.content, common(work.marks.get(before), work.marks.get(after)));
              if (before === after) expect([...names].sort()).toEqual(work.names.get(before));
            }
            expect(places.length).toBeGreaterThan(work.marks.size + 15);
          }, 300_000);
        }
      });
    }
  },
);

function isMark({ flags, text }: ReplayEntry): boolean {
  return (flags & FLAGS.mark) !== 0 && text !== 'dm-log-writes-end';
}

/** Some of them, evenly. */
function sample(numbers: readonly number[]): number[] {
  const step = Math.ceil(numbers.length / SAMPLES);
  return numbers.filter((_, index) => index % step === 0);
}

type Files = ReadonlyMap<string, Uint8Array>;

/** What is the same in both. */
function common(one: Files = new Map(), other: Files = new Map()): Files {
  return new Map([...one].filter(([name, content]) => other.get(name) === content));
}
