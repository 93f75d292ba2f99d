import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runInKernel } from '../kernel/harness/harness.ts';
import { requires } from '../suites/requires.ts';
import { check, program, ROOT, workspace } from '../suites/tools.ts';

/**
 * One script of command lines, dm-stats-script.sh, for both programs: stock dmsetup under Linux on loop devices, ours
 * on files. What each prints and its exit status must be the same.
 */
const SCRIPT = readFileSync(join(ROOT, 'test/cli/dm-stats-script.sh'), 'utf8');
const COMMANDS = SCRIPT.split('\n').filter((line) => line.startsWith('t '));
const PARTS = ['stdout', 'stderr', 'status'] as const;

/** `t` runs a command and keeps what it said, by its number. */
function script(records: string, command: string): string {
  return `
    records=${records} number=0
    exec < /dev/null
    t() {
      number=$((number + 1))
      timeout 60 ${command} "$@" > "$records/$number.stdout" 2> "$records/$number.stderr"
      echo $? > "$records/$number.status"
    }
    ${SCRIPT}`;
}

/** Of a usage what is above it; of a refusal what dmsetup says, without what the kernel logs. */
function normalised(text: string): string {
  return text.replace(/^Usage:[\s\S]*/m, '').replaceAll(/^device-mapper: ioctl: .*\n/gm, '');
}

describe.skipIf(!requires('uml', 'dmsetup', 'bash', 'timeout', 'build'))('tsdmsetup stats', () => {
  const files = workspace();

  beforeAll(async () => {
    for (const who of ['theirs', 'ours']) mkdirSync(files.file(who));
    for (const image of ['a', 'b']) writeFileSync(files.file(image), new Uint8Array(4 << 20));
    const [a, b] = [files.file('a'), files.file('b')];
    const theirs = async (): Promise<void> => {
      const loops = `a=$(losetup -f --show ${a}) b=$(losetup -f --show ${b})`;
      const ended = await runInKernel(`${loops}\n${script(files.file('theirs'), 'dmsetup')}`, {
        rwDirs: [files.path],
      });
      expect(ended.stderr).toBe('');
    };
    const ours = script(files.file('ours'), `${process.execPath} ${join(ROOT, 'bin/tsdmsetup.js')}`);
    await Promise.all([
      theirs(),
      check('bash', ['-c', `a=${a} b=${b}\n${ours}`], { env: files.env, timeout: 280_000 }),
    ]);
  }, 300_000);

  const record = (who: string, number: number): string[] =>
    PARTS.map((part) => normalised(readFileSync(join(files.file(who), `${number}.${part}`), 'utf8')));

  it('is compared command by command', () => {
    expect(COMMANDS.length).toBeGreaterThan(120);
    for (const who of ['theirs', 'ours'])
      expect(readdirSync(files.file(who)).length, who).toBe(COMMANDS.length * PARTS.length);
  });

  it.each(COMMANDS.map((line, index) => ({ line, number: index + 1 })))('$number: $line', ({ number }) => {
    expect(record('ours', number)).toEqual(record('theirs', number));
  });

  it('prints rows and results as JSON, once', async () => {
    const tool = async (...args: string[]): Promise<unknown> => {
      const { stdout, status } = await program('tsdmsetup', ['--json', ...args], { env: files.env });
      expect(status, args.join(' ')).toBe(0);
      return stdout === '' ? undefined : JSON.parse(stdout);
    };
    await tool('create', 'j', '--table', '0 4096 zero');
    expect(await tool('stats', 'create', 'j', '--areas', '2')).toEqual([
      { device: 'j', region: 0, areas: 2 },
    ]);
    expect(await tool('stats', 'list', 'j', '-o', 'region_id,region_len,obj_type,group_id')).toEqual([
      { region_id: 0, region_len: 4096, obj_type: 'region', group_id: -1 },
    ]);
    expect(await tool('stats', 'print', 'j', '--allregions')).toMatchObject([{ device: 'j', region: 0 }]);
    expect(await tool('stats', 'report', 'j', '--area', '-o', 'area_id,util')).toEqual([
      { area_id: 0, util: 0 },
      { area_id: 1, util: 0 },
    ]);
    expect(await tool('stats', 'delete', 'j', '--allregions')).toEqual([]);
    await tool('remove', 'j');
  });

  it('says what there is', async () => {
    const help = await program('tsdmsetup', ['stats', 'help', '-c'], { env: files.env });
    expect(help.status).toBe(0);
    for (const text of ['ungroup --groupid', 'read_await', 'hist_count_ranges', 'stats_name', 'blkdevname'])
      expect(help.stdout + help.stderr).toContain(text);
    const unknown = await program('tsdmsetup', ['stats', 'create', '--filemap', 'x'], { env: files.env });
    expect([unknown.status, unknown.stdout]).toEqual([1, '']);
    expect(unknown.stderr).toContain('--filemap is not available');
  });
});
