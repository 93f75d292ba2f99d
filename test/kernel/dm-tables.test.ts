import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.ts';
import { formatStatusLine, MappedDevice } from '../../src/dm/index.ts';
import { TscryptError } from '../../src/errors.ts';
import { formatTable, parseTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { workspace } from '../suites/tools.ts';
import { badTables, tableMatrix } from './dm-matrix.ts';
import { runInKernel } from './harness/harness.ts';

const { cases, deviceSize } = tableMatrix();
const bad = badTables(deviceSize / 512);
const LOOPS = { '7:0': 'loop0', '7:1': 'loop1' };
const MESSAGES_KEY = '5a'.repeat(64);
const MESSAGES_TABLE = `0 32 crypt aes-xts-plain64 ${MESSAGES_KEY} 0 7:0 0`;

/** Bytes that are the same in every run. */
function noise(seed: string, size: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: size }).update(seed).digest());
}

const plaintext = (pass: string, name: string, sectors: number) => noise(`${pass} ${name}`, sectors * 512);
const withDevices = (table: string) => table.replaceAll('{a}', '7:0').replaceAll('{b}', '7:1');

/** One process does all it can: starting one is what takes time in there. */
const SCRIPT = `
set -e
cd "$DIR"
a=$(losetup --find --show a) b=$(losetup --find --show b)
[ "$a $b" = "/dev/loop0 /dev/loop1" ]
dmsetup create --concise <concise || { dmesg | tail -n 3 >&2; exit 1; }
cat $(seq -f /dev/mapper/c%g 0 $((CASES - 1))) >reads
cp $(seq -f c%g 0 $((CASES - 1))) /dev/mapper/
dmsetup table --showkeys >tables
dmsetup table >tables-hidden
dmsetup status >statuses
sync
dmsetup remove_all
for ((i = 0; i < BAD; i++)); do
  echo "= $i" >/dev/kmsg
  dmsetup create bad "bad$i.table" 2>/dev/null && { echo "bad $i was taken" >/dev/kmsg; dmsetup remove bad; }
done
dmesg | sed 's/^\\[ *[0-9.]*] //' >errors

dmsetup create m --table "$MESSAGES_TABLE"
step() { "$@" >/dev/null 2>&1 && echo "ok" || echo "failed"; }
{
  step dmsetup message m 0 key wipe
  step dmsetup message m 32 key wipe
  step dmsetup message m 0 nosuch
  dmsetup suspend m
  step dmsetup message m 0 key
  step dmsetup message m 0 key wipe now
  step dmsetup message m 0 key set 00
  step dmsetup message m 0 KEY Wipe
  dmsetup table --showkeys m
  step dmsetup resume m
  dmsetup info m | grep State
  step dmsetup message m 0 key set "$NEW_KEY"
  step dmsetup resume m
  dmsetup table --showkeys m
} >messages
dd if=/dev/zero of=/dev/mapper/m bs=16K count=1 conv=fsync,notrunc status=none
dmsetup remove m
dmsetup targets >targets
losetup -d "$a" "$b"
sync
`;

describe.skipIf(!requires('uml', 'dmsetup'))('tables in Linux and here', () => {
  const files = workspace();
  const ours = new Map<string, MemoryDevice>();

  const create = (table: string): Promise<MappedDevice> =>
    MappedDevice.create({
      name: 'm',
      table: parseTable(withDevices(table)),
      openDevice: async (name) => {
        const device = ours.get(name);
        if (device) return new MemoryDevice(device.content, { name: device.name });
        throw new TscryptError('NO_SUCH_DEVICE', `no ${name}`, { errno: 'ENOENT' });
      },
    });

  const eachCase = async (action: (device: MappedDevice, index: number) => Promise<void>) => {
    for (const [index, { table }] of cases.entries()) {
      const device = await create(table);
      await action(device, index);
      await device.close();
    }
  };

  /** Lines that dmsetup printed for all devices, by device, without the name before each. */
  const byDevice = async (file: string): Promise<Map<string, string>> => {
    const lines = new Map<string, string>();
    for (const [, name = '', line] of (await readFile(files.file(file), 'utf8')).matchAll(
      /^(\w+): (.*\n)/gm,
    )) {
      lines.set(name, `${lines.get(name) ?? ''}${line}`);
    }
    return lines;
  };

  /** What the kernel should have read from a case's device, or got back from it after writing. */
  const expectedOf = (pass: string, device: MappedDevice, index: number): Uint8Array => {
    const { name, sectors } = cases[index]!;
    const expected = plaintext(pass, name, sectors);
    for (const { start, length, type } of device.status()) {
      if (type === 'zero') expected.fill(0, start * 512, (start + length) * 512);
    }
    return expected;
  };

  beforeAll(async () => {
    for (const [number, name] of Object.entries(LOOPS)) {
      ours.set(number, new MemoryDevice(noise(name, deviceSize), { name }));
    }
    await eachCase(async (device, index) => {
      const { name, sectors } = cases[index]!;
      await device.write(0, plaintext('ours', name, sectors));
      await writeFile(files.file(`c${index}`), plaintext('theirs', name, sectors));
    });
    const concise = cases.map(({ table }, index) => {
      return `c${index},,,rw,${withDevices(table)
        .replaceAll(/[\\,;]/g, '\\$&')
        .replaceAll('\n', ',')}`;
    });
    await writeFile(files.file('concise'), concise.join(';'));
    for (const [index, table] of bad.entries()) {
      await writeFile(files.file(`bad${index}.table`), `${withDevices(table)}\n`);
    }
    await writeFile(files.file('a'), ours.get('7:0')!.content);
    await writeFile(files.file('b'), ours.get('7:1')!.content);
    const result = await runInKernel(SCRIPT, {
      rwDirs: [files.path],
      env: {
        DIR: files.path,
        CASES: String(cases.length),
        BAD: String(bad.length),
        MESSAGES_TABLE,
        NEW_KEY: MESSAGES_KEY.replace('5a', 'a5'),
      },
      // So that they are in the list of targets; nothing here uses them.
      modules: ['delay', 'dust', 'flakey', 'log-writes', 'multipath', 'switch', 'unstripe'].map(
        (name) => `dm-${name}`,
      ),
      timeout: 180_000,
    });
    expect(result).toEqual({ status: 0, stdout: '', stderr: '' });
  }, 200_000);

  it('the kernel reads what we wrote', async () => {
    const wrong: string[] = [];
    const reads = await readFile(files.file('reads'));
    let at = 0;
    await eachCase(async (device, index) => {
      const found = reads.subarray(at, at + device.size);
      if (!found.equals(expectedOf('ours', device, index))) wrong.push(cases[index]!.name);
      at += device.size;
    });
    expect(reads.length).toBe(at);
    expect(wrong).toEqual([]);
  });

  it('we write what the kernel wrote, and read it', async () => {
    const theirs = new Map(
      await Promise.all(
        Object.entries({ '7:0': 'a', '7:1': 'b' }).map(
          async ([number, file]) => [number, new Uint8Array(await readFile(files.file(file)))] as const,
        ),
      ),
    );
    const before = new Map([...ours].map(([number, device]) => [number, device.content.slice()]));
    const wrong: string[] = [];
    await eachCase(async (device, index) => {
      const { name, sectors } = cases[index]!;
      await device.write(0, plaintext('theirs', name, sectors));
    });
    const created = await create(MESSAGES_TABLE.replace('5a', 'a5'));
    await created.writeZeroes(0, created.size);
    await created.close();
    for (const [number, device] of ours) {
      expect(Buffer.from(device.content).equals(before.get(number)!)).toBe(false);
      expect(Buffer.from(device.content).equals(theirs.get(number)!)).toBe(true);
      device.content.set(theirs.get(number)!);
    }
    await eachCase(async (device, index) => {
      const found = new Uint8Array(device.size);
      await device.read(0, found);
      if (!Buffer.from(found).equals(expectedOf('theirs', device, index))) wrong.push(cases[index]!.name);
    });
    expect(wrong).toEqual([]);
  });

  it('prints the same tables and statuses', async () => {
    const [shown, hidden, statuses] = await Promise.all(
      ['tables', 'tables-hidden', 'statuses'].map(byDevice),
    );
    await eachCase(async (device, index) => {
      const name = `c${index}`;
      expect(formatTable(device.table(), { showKeys: true })).toBe(shown!.get(name));
      expect(formatTable(device.table())).toBe(hidden!.get(name));
      expect(
        device
          .status()
          .map((line) => `${formatStatusLine(line)}\n`)
          .join(''),
      ).toBe(statuses!.get(name));
    });
  });

  it('refuses the same tables with the same words', async () => {
    const logged = (await readFile(files.file('errors'), 'utf8')).split(/^= \d+\n/m).slice(1);
    const found: string[] = [];
    const expected: string[] = [];
    for (const [index, table] of bad.entries()) {
      // "device-mapper: table: 253:0: linear: Gap in table (-EINVAL)"; the errno is not part of the text.
      const [, text = logged[index]!] =
        /^device-mapper: table: [\d:]+: (.*?)(?: \(-E\w+\))?$/m.exec(logged[index]!) ?? [];
      const ourText = await create(table).then(
        async (device) => {
          await device.close();
          return 'was taken';
        },
        (error: Error) => error.message,
      );
      // What is wrong in detail may follow a colon here.
      expected.push(`${table}: ${text}`);
      found.push(`${table}: ${ourText.startsWith(`${text}: `) ? text : ourText}`);
    }
    expect(found).toEqual(expected);
  });

  it('takes key messages in the same states', async () => {
    const device = await create(MESSAGES_TABLE);
    const lines: string[] = [];
    const step = async (action: Promise<unknown>): Promise<void> => {
      lines.push(
        await action.then(
          () => 'ok',
          () => 'failed',
        ),
      );
    };
    const message = (sector: number, ...words: string[]): Promise<void> =>
      step(device.message(sector, words));
    const table = (): void => {
      lines.push(formatTable(device.table(), { showKeys: true }).trimEnd());
    };
    await message(0, 'key', 'wipe');
    await message(32, 'key', 'wipe');
    await message(0, 'nosuch');
    await device.suspend();
    await message(0, 'key');
    await message(0, 'key', 'wipe', 'now');
    await message(0, 'key', 'set', '00');
    await message(0, 'KEY', 'Wipe');
    table();
    await step(device.resume());
    lines.push(`State:             ${device.info.state.toUpperCase()}`);
    await message(0, 'key', 'set', MESSAGES_KEY.replace('5a', 'a5'));
    await step(device.resume());
    table();
    await device.close();
    expect(lines).toEqual((await readFile(files.file('messages'), 'utf8')).trimEnd().split('\n'));
  });

  it('has the same target versions', async () => {
    const { targetTypes } = await import('../../src/dm/index.ts');
    const text = await readFile(files.file('targets'), 'utf8');
    const theirs = new Map(text.split('\n').map((line) => line.split(/\s+v/) as [string, string]));
    for (const [name, { version }] of targetTypes) {
      expect(`${name} ${version.join('.')}`).toBe(`${name} ${theirs.get(name)}`);
    }
  });
});
