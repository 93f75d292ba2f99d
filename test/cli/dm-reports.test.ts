import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/dm/main.ts';
import { DM_COMMAND_TABLE } from '../../src/commands/dm/index.ts';
import { runInKernel } from '../kernel/harness/harness.ts';
import { requires } from '../suites/requires.ts';
import { check, program, ROOT, workspace } from '../suites/tools.ts';

/**
 * One script of command lines, dm-reports-script.sh, for both programs: stock dmsetup under Linux on loop devices,
 * ours on files. What each prints and its exit status must be the same, but for what devices are called. Ours runs
 * in this process: as a program of its own each line would cost most of a second.
 */
const SCRIPT = readFileSync(join(ROOT, 'test/cli/dm-reports-script.sh'), 'utf8');
const COMMANDS = SCRIPT.split('\n').filter((line) => /^t /.test(line));
const IMAGES = ['a', 'b', 'c', 'd'];

/** Columns of these hold numbers of devices, or files, which are not as wide here as there. */
const OTHER_WIDTHS =
  /-o \S*(dev_?no|devnos|blkdev|major|info_all|deps_all|tree_all|all)|-c$|-c --(inactive|manglename \w+)$|(-c|--columns|-C).* (alpha|gamma)$|-c -[uj]|-c \/dev|\+device_count|compact,notrunc$/;

/** dmsetup does not end the last line where nothing of a disk is shown; ours does. */
const NO_LAST_NEWLINE = /ls --tree -o \S*nodevice,compact/;

interface Record {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: string;
}

/** `t` runs a command and keeps what it said, by its number; `m` runs one that must succeed. */
const RUN = `
  number=0
  t() {
    number=$((number + 1))
    timeout 60 dmsetup "$@" > "$records/$number.stdout" 2> "$records/$number.stderr"
    echo $? > "$records/$number.status"
  }
  m() { dmsetup "$@" > "$records/made" 2>&1 || { echo "$*"; cat "$records/made"; } >> "$records/failed"; }
  ${SCRIPT}`;

/** Both print the words of the command line. */
const PRINT = `
  t() { printf '%s\\0' t "$@" $'\\n'; }
  m() { printf '%s\\0' m "$@" $'\\n'; }
  ${SCRIPT}`;

describe.skipIf(!requires('uml', 'dmsetup', 'bash', 'timeout', 'build'))('reports of tsdmsetup', () => {
  const files = workspace();
  let major = '';
  /** Stock names of mapped devices, dm-N, by number. */
  let nodes: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    for (const who of ['theirs', 'ours']) {
      mkdirSync(files.file(who));
      writeFileSync(files.file(`${who}/failed`), '');
    }
    for (const image of IMAGES) writeFileSync(files.file(image), new Uint8Array(4 << 20));
    vi.stubEnv('LC_ALL', 'C');
    for (const [name, value] of Object.entries(files.env)) vi.stubEnv(name, value);
    for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
    await recordTheirs();
    await recordOurs();
    const names = readFileSync(files.file('theirs/names'), 'utf8').trim().split('\n');
    nodes = new Map(names.map((line) => line.split(' ', 2) as [string, string]));
  }, 300_000);

  afterAll(() => vi.unstubAllEnvs());

  async function recordTheirs(): Promise<void> {
    const theirs = files.file('theirs');
    const prologue = `
      M=$(awk '$2 == "device-mapper" { print $1 }' /proc/devices) records=${theirs}
      echo "$M" > ${theirs}/major
      ${IMAGES.map((image) => `${image}=$(losetup -f --show ${files.file(image)})`).join('; ')}
      exec < /dev/null`;
    const names = `dmsetup info -c --noheadings --separator ' ' -o minor,mangled_name > ${theirs}/names`;
    const { stderr } = await runInKernel([prologue, RUN, names].join('\n'), { rwDirs: [files.path] });
    expect(stderr).toBe('');
    major = readFileSync(join(theirs, 'major'), 'utf8').trim();
  }

  async function recordOurs(): Promise<void> {
    const prologue = `M=4095; ${IMAGES.map((image) => `${image}=${files.file(image)}`).join('; ')}`;
    const { stdout } = await check('bash', ['-c', `${prologue}\n${PRINT}`]);
    let number = 0;
    for (const line of stdout.split('\n\0').slice(0, -1)) {
      const [kind, ...words] = line.split('\0').slice(0, -1);
      // A command that it runs writes past this process.
      const { stderr, stdout, status } = words.includes('--exec')
        ? await program('tsdmsetup', words, { env: files.env })
        : await runHere(words);
      if (kind === 'm') {
        if (status !== 0) throw new Error(`${words.join(' ')}\n${stderr}`);
        continue;
      }
      const put = (what: string, text: string): void =>
        writeFileSync(files.file(`ours/${number}.${what}`), text);
      number++;
      put('stdout', stdout);
      put('stderr', stderr);
      put('status', `${status}\n`);
    }
  }

  function record(who: string, number: number): Record {
    const read = (what: string): string => readFileSync(join(files.file(who), `${number}.${what}`), 'utf8');
    return { stdout: read('stdout'), stderr: read('stderr'), status: read('status') };
  }

  /** Devices by the same names on both sides. */
  function normalised({ stdout, stderr, status }: Record, who: string, line: string): Record {
    const named = (text: string): string =>
      IMAGES.reduce(
        (left, image, loop) =>
          who === 'theirs'
            ? left.replaceAll(new RegExp(`\\b(7:${loop}|7, ${loop}|loop${loop})\\b`, 'g'), `<${image}>`)
            : left.replaceAll(files.file(image), `<${image}>`),
        text,
      );
    const numbered = (text: string): string =>
      who === 'theirs'
        ? text
            .replaceAll(new RegExp(`(?<![\\w/])${major}(?=:\\d|, \\d|'| |$)`, 'gm'), '4095')
            .replaceAll(/\bdm-(\d+)/g, (node, minor: string) => nodes.get(minor) ?? node)
        : text;
    const ended = (text: string): string =>
      NO_LAST_NEWLINE.test(line) && who === 'theirs' ? text.replace(/(?<=[^\n])$/, '\n') : text;
    const blanks = (text: string): string =>
      OTHER_WIDTHS.test(line) ? text.replaceAll(/ +/g, ' ').replaceAll(/ $/gm, '') : text;
    return { stdout: blanks(numbered(named(ended(stdout)))), stderr: numbered(said(stderr)), status };
  }

  it('is compared command by command', () => {
    expect(COMMANDS.length).toBeGreaterThan(200);
    for (const who of ['theirs', 'ours']) {
      const records = readdirSync(files.file(who)).filter((name) => name.endsWith('.status'));
      expect(readFileSync(files.file(`${who}/failed`), 'utf8'), who).toBe('');
      expect(records.length, who).toBe(COMMANDS.length);
    }
  });

  it.each(COMMANDS.map((line, index) => ({ line, number: index + 1 })))(
    '$number: $line',
    ({ line, number }) => {
      const theirs = normalised(record('theirs', number), 'theirs', line);
      const ours = normalised(record('ours', number), 'ours', line);
      expect(ours).toEqual(theirs);
    },
  );

  it.each(['t info -c -o help', 't info -c -S help'])('lists the same fields: %s', (line) => {
    const number = COMMANDS.indexOf(line) + 1;
    const fields = (who: string): string[] =>
      record(who, number)
        .stderr.split('\n')
        .flatMap((entry) => /^(?: {2}\w+(?= +- )|\S.* Fields$)/.exec(entry)?.[0] ?? []);
    const ours = fields('ours');
    const ownFields = ours.slice(0, ours.indexOf('Special Fields'));
    expect(ownFields.length).toBeGreaterThan(30);
    expect(fields('theirs').slice(0, ownFields.length)).toEqual(ownFields);
    expect(ours.slice(ownFields.length + 1, ownFields.length + 3)).toEqual(['  selected', '  help']);
  });

  it('gives JSON', async () => {
    const json = async (...words: string[]): Promise<unknown> => {
      const { stderr, stdout, status } = await runHere([...words, '--json']);
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
      return JSON.parse(stdout);
    };
    const gamma = { name: 'gamma', uuid: 'LVM-xyz', major: 4095, minor: 2 };
    const file = (image: string) => ({ label: files.file(image), name: files.file(image) });
    const mapped = (name: string, minor: number) => ({
      label: `4095:${minor}`,
      name,
      numbers: { major: 4095, minor },
    });
    expect(await json('ls')).toContainEqual(gamma);
    expect(await json('ls', '--target', 'nosuch')).toEqual([]);
    expect(await json('deps', 'gamma')).toEqual({
      device: 'gamma',
      dependencies: [mapped('beta', 1), mapped('alpha', 0)],
    });
    expect(await json('deps', 'alpha', '--inactive')).toEqual({
      device: 'alpha',
      dependencies: [mapped('it\\x27s', 8), file('d')],
    });
    expect(await json('deps', 'beta', 'none')).toEqual([
      { device: 'beta', dependencies: [file('c'), file('b')] },
      { device: 'none', dependencies: [] },
    ]);
    expect(await json('info', 'sp ace')).toMatchObject({
      name: 'sp ace',
      uuid: 'CRYPT-a b',
      minor: 7,
      openCount: 0,
    });
    expect(await json('info', 'alpha', 'beta')).toMatchObject([{ name: 'alpha' }, { name: 'beta' }]);
    expect(await json('info', '-c', '-o', 'name,open,devs_used', 'gamma')).toEqual([
      { name: 'gamma', open: 0, devs_used: 'beta,alpha' },
    ]);
    expect(await json('splitname', 'vg-lv')).toEqual([{ vg_name: 'vg', lv_name: 'lv', lv_layer: '' }]);
    const state = { suspended: false, readOnly: false, openCount: 0 };
    const tree = (await json('ls', '--tree')) as unknown[];
    expect(tree).toContainEqual({
      ...gamma,
      ...state,
      uses: [
        {
          ...{
            name: 'beta',
            uuid: '',
            major: 4095,
            minor: 1,
            suspended: true,
            readOnly: false,
            openCount: 1,
          },
          uses: [
            { ...file('c'), uses: [] },
            { ...file('b'), uses: [] },
          ],
        },
        {
          ...{ name: 'alpha', uuid: 'UUID-a', major: 4095, minor: 0, suspended: false, readOnly: false },
          openCount: expect.any(Number),
          uses: [{ ...file('a'), uses: [] }],
        },
      ],
    });
    expect(await json('ls', '--tree', '-o', 'inverted')).toContainEqual({
      ...file('c'),
      usedBy: [expect.objectContaining({ name: 'beta', usedBy: [{ ...gamma, ...state, usedBy: [] }] })],
    });
  });
});

/**
 * What was said on standard error, without the lists and usages that go with errors and are worded otherwise here,
 * and without the outcome in the last line, of which dmsetup has two.
 */
function said(text: string): string {
  return (
    text
      .replace(/^Usage:[\s\S]*/m, '')
      .replaceAll(/^(Mapped Device .*|Special) Fields\n-+\n( .*\n)*/gm, '')
      .replaceAll(/^Selection (operands|operators)\n-+\n( .*\n)*/gm, '')
      .replaceAll(/^(Command failed|Couldn't process command line)\.\n/gm, '')
      // Of the read ahead of a device that has no node yet; there are none here.
      .replaceAll(/^\/dev\/mapper\/.*: open failed: .*\n/gm, '')
  );
}

/** Runs ours in this process. */
async function runHere(
  words: readonly string[],
): Promise<{ stdout: string; stderr: string; status: number }> {
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      said[name] += String(chunk);
      return true;
    }),
  );
  try {
    return { status: await main('tsdmsetup', words, DM_COMMAND_TABLE), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
