import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runInKernel } from '../kernel/harness/harness.ts';
import { requires } from '../suites/requires.ts';
import { check, ROOT, workspace } from '../suites/tools.ts';

/**
 * One script of command lines, dm-script.sh, for both programs: stock dmsetup under Linux on loop devices, ours on
 * files. After each command what it printed and its exit status must be the same. Ours has one line more where a
 * device refused something: the reason, which the kernel writes to its log.
 */
const SCRIPT = readFileSync(join(ROOT, 'test/cli/dm-script.sh'), 'utf8');

/** A command line: `t`, perhaps behind an assignment for its environment. */
const COMMAND = /^(?:[A-Z_]+=\S+ )?t(?= |$)/;
const COMMANDS = SCRIPT.split('\n').filter((line) => COMMAND.test(line));

interface Record {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: string;
}

/** `t` runs a command and keeps what it said, by its number. */
function script(records: string, program: string): string {
  return `
    records=${records} number=0
    t() {
      number=$((number + 1))
      timeout 60 ${program} "$@" > "$records/$number.stdout" 2> "$records/$number.stderr"
      echo $? > "$records/$number.status"
    }
    ${SCRIPT}`;
}

describe.skipIf(!requires('uml', 'dmsetup', 'bash', 'timeout', 'build'))('what tsdmsetup says', () => {
  const files = workspace();
  let major = '';

  beforeAll(async () => {
    for (const who of ['theirs', 'ours']) mkdirSync(files.file(who));
    for (const image of ['a', 'b']) writeFileSync(files.file(image), new Uint8Array(4 << 20));
    await Promise.all([recordTheirs(), recordOurs()]);
  }, 300_000);

  async function recordTheirs(): Promise<void> {
    const prologue = `
      cd /dev/shm
      a=$(losetup -f --show ${files.file('a')}) b=$(losetup -f --show ${files.file('b')})
      awk '$2 == "device-mapper" { print $1 }' /proc/devices > ${files.file('theirs')}/major
      exec < /dev/null`;
    const { stderr } = await runInKernel(`${prologue}\n${script(files.file('theirs'), 'dmsetup')}`, {
      rwDirs: [files.path],
    });
    expect(stderr).toBe('');
    major = readFileSync(join(files.file('theirs'), 'major'), 'utf8').trim();
  }

  async function recordOurs(): Promise<void> {
    const program = `${process.execPath} ${join(ROOT, 'bin/tsdmsetup.js')}`;
    const prologue = `a=${files.file('a')} b=${files.file('b')}; exec < /dev/null`;
    await check('bash', ['-c', `${prologue}\n${script(files.file('ours'), program)}`], {
      cwd: files.file('ours'),
      env: files.env,
      timeout: 280_000,
    });
  }

  function record(who: string, number: number): Record {
    const read = (what: string): string => readFileSync(join(files.file(who), `${number}.${what}`), 'utf8');
    return { stdout: read('stdout'), stderr: read('stderr'), status: read('status') };
  }

  /** Our names for devices as theirs. Of a usage what is above it is compared. */
  function normalised({ stdout, stderr, status }: Record, who: string): Record {
    const devices = (text: string): string =>
      who === 'theirs'
        ? text.replaceAll(new RegExp(`\\b${major}(?=:\\d|, \\d)`, 'g'), '4095')
        : text.replaceAll(files.file('a'), '7:0').replaceAll(files.file('b'), '7:1');
    const said = stderr
      .replace(/^Usage:[\s\S]*/m, '')
      .replaceAll(/^tsdmsetup:/gm, 'dmsetup:')
      // Of the read ahead of a device that has no node yet; there are none here.
      .replaceAll(/^\/dev\/mapper\/.*: open failed: .*\n/gm, '');
    return { stdout: devices(stdout), stderr: devices(said), status };
  }

  it('is compared command by command', () => {
    expect(COMMANDS.length).toBeGreaterThan(200);
    for (const who of ['theirs', 'ours']) {
      const records = readdirSync(files.file(who)).filter((name) => name.endsWith('.status'));
      expect(records.length, who).toBe(COMMANDS.length);
    }
    expect(existsSync(join(files.file('run'), 'one')), 'the script leaves no device').toBe(false);
  });

  it.each(COMMANDS.map((line, index) => ({ line, number: index + 1 })))('$number: $line', ({ number }) => {
    const theirs = normalised(record('theirs', number), 'theirs');
    const ours = normalised(record('ours', number), 'ours');
    const { stderr, reasons } = withoutReasons(ours.stderr);
    expect({ ...ours, stderr }).toEqual(theirs);
    // A reason is given of what failed, once.
    if (reasons > 0) {
      expect(reasons).toBe(1);
      expect(theirs.stderr).toMatch(/ ioctl on .* failed: /);
    }
  });
});

/** What a program said without the lines that dmsetup leaves to the kernel. */
function withoutReasons(text: string): { stderr: string; reasons: number } {
  const lines = text.split('\n');
  const left = lines.filter((line) => !/^device-mapper: (table|ioctl): /.test(line));
  return { stderr: left.join('\n'), reasons: lines.length - left.length };
}
