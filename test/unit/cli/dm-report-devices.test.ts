import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DmContext } from '../../../src/cli/dm/command.ts';
import { DeviceGraph, dependenciesOf } from '../../../src/cli/dm/graph.ts';
import { NameMangling } from '../../../src/cli/dm/mangle.ts';
import { nameForm } from '../../../src/cli/dm/name-form.ts';
import type { DmOptions } from '../../../src/cli/dm/options.ts';
import { FieldCatalogue } from '../../../src/cli/dm/report/catalogue.ts';
import type { DeviceRow } from '../../../src/cli/dm/report/fields/row.ts';
import { DEVICE_SECTIONS } from '../../../src/cli/dm/report/fields/sections.ts';
import { openReport } from '../../../src/cli/dm/report/open.ts';
import { printReport, repeat } from '../../../src/cli/dm/report/print.ts';
import { splitByUuid, splitName } from '../../../src/cli/dm/split-name.ts';
import { Ui } from '../../../src/cli/ui.ts';
import splitname from '../../../src/commands/dm/splitname.ts';
import type { DeviceInfo } from '../../../src/daemon/request.ts';
import { TscryptError } from '../../../src/errors.ts';
import { below, device, loop } from './dm-report-support.ts';

/** What a command printed, on standard output and on standard error. */
interface Said {
  out: string;
  err: string;
}

function contextOf(
  options: DmOptions,
  operands: readonly string[] = [],
): DmContext & { readonly said: Said } {
  const said: Said = { out: '', err: '' };
  const ui = new Ui({ json: options.json ?? false });
  const keep = (stream: keyof Said) => (text: string) => {
    said[stream] += text.endsWith('\n') ? text : `${text}\n`;
  };
  vi.spyOn(ui, 'print').mockImplementation(keep('out'));
  vi.spyOn(ui, 'warn').mockImplementation(keep('err'));
  return { command: 'info', options, operands, names: new NameMangling('auto'), ui, said };
}

const alpha = device('alpha', 0, {
  uuid: 'LVM-x',
  openCount: 1,
  tables: { live: true, inactive: true },
  dependencies: [loop(0)],
});
const beta = device('sp\\x20ace', 1, {
  uuid: 'CRYPT-a\\x20b',
  suspended: true,
  readOnly: true,
  dependencies: [{ label: '/a.img', name: '/a.img' }, loop(1)],
});
const gamma = device('vg--x-lv-real', 2, {
  uuid: 'LVM-y',
  targetCount: 2,
  eventNumber: 7,
  dependencies: [below(alpha), below(beta)],
});
const half = device('a b\\x20', 3, { tables: { live: false, inactive: true }, dependencies: [loop(2)] });
const none = device('none', 4, { uuid: '-z', tables: { live: false, inactive: false } });
const DEVICES = [alpha, beta, gamma, half, none];

function rowOf(info: DeviceInfo, names = new NameMangling('auto')): DeviceRow {
  const node = new DeviceGraph(DEVICES).nodeOf(info);
  return {
    device: { info, names, dependencies: dependenciesOf(info), ...(node && { node }) },
    split: splitByUuid(names.shown(info.name), names.shown(info.uuid)),
  };
}

/** A field of each device, as text. */
function column(field: string, names?: NameMangling): string[] {
  const options: DmOptions = { options: field, noheadings: true };
  const report = openReport(contextOf(options), new FieldCatalogue(DEVICE_SECTIONS), { fields: 'name' });
  for (const info of DEVICES) report?.add(rowOf(info, names));
  return report?.text().split('\n').slice(0, -1) ?? [];
}

describe('fields of devices', () => {
  it.each<[string, string[]]>([
    ['name', ['alpha', 'sp ace', 'vg--x-lv-real', 'a b ', 'none']],
    ['mangled_name', ['alpha', 'sp\\x20ace', 'vg--x-lv-real', 'a b\\x20', 'none']],
    ['unmangled_name', ['alpha', 'sp ace', 'vg--x-lv-real', 'a b ', 'none']],
    ['uuid', ['LVM-x', 'CRYPT-a b', 'LVM-y', '', '-z']],
    ['mangled_uuid', ['LVM-x', 'CRYPT-a\\x20b', 'LVM-y', '', '-z']],
    ['unmangled_uuid', ['LVM-x', 'CRYPT-a b', 'LVM-y', '', '-z']],
    ['read_ahead', ['256', '256', '256', '256', '0']],
    ['blkdevname', ['alpha', 'sp\\x20ace', 'vg--x-lv-real', 'a b\\x20', 'none']],
    ['attr', ['LI-w', 'L-sr', 'L--w', '-I-w', '---w']],
    ['tables_loaded', ['Both', 'Live', 'Live', 'Inactive', 'None']],
    ['suspended', ['Active', 'Suspended', 'Active', 'Active', 'Active']],
    ['readonly', ['Writeable', 'Read-only', 'Writeable', 'Writeable', 'Writeable']],
    ['devno', ['254:0', '254:1', '254:2', '254:3', '254:4']],
    ['major', ['254', '254', '254', '254', '254']],
    ['minor', ['0', '1', '2', '3', '4']],
    ['open', ['1', '0', '0', '0', '0']],
    ['segments', ['1', '1', '2', '1', '1']],
    ['events', ['0', '0', '7', '0', '0']],
    ['device_count', ['1', '2', '2', '0', '0']],
    ['devs_used', ['', '', 'sp ace,alpha', '', '']],
    ['devnos_used', ['7:0', '7:1,/a.img', '254:1,254:0', '', '']],
    ['blkdevs_used', ['loop0', 'loop1,/a.img', 'sp\\x20ace,alpha', '', '']],
    ['device_ref_count', ['1', '1', '0', '0', '0']],
    ['names_using_dev', ['vg--x-lv-real', 'vg--x-lv-real', '', '', '']],
    ['devnos_using_dev', ['254:2', '254:2', '', '', '']],
    ['subsystem', ['LVM', 'CRYPT', 'LVM', '', '']],
    ['vg_name', ['alpha', '', 'vg-x', '', '']],
    ['lv_name', ['', '', 'lv', '', '']],
    ['lv_layer', ['', '', 'real', '', '']],
  ])('%s', (field, values) => {
    expect(column(field)).toEqual(values);
  });

  it('show names as the mangling mode has them', () => {
    const raw = new NameMangling('none');
    expect(column('name', raw)[1]).toBe('sp\\x20ace');
    expect(column('devs_used', raw)[2]).toBe('sp\\x20ace,alpha');
    expect(column('unmangled_name', raw)[1]).toBe('sp ace');
  });

  it('have dmsetup’s headings and widths', () => {
    const options: DmOptions = { options: 'name_all,info_all,deps_all,tree_all,splitname_all' };
    const report = openReport(contextOf(options), new FieldCatalogue(DEVICE_SECTIONS), { fields: 'name' });
    report?.add(rowOf(device('x', 5)));
    expect(report?.text().split('\n', 1)).toEqual([
      [
        'Name             MangledName      UnmangledName    UUID                             ',
        'MangledUUID                      UnmangledUUID                    RAhead ',
        'BlkDevName       Stat Tables Suspended Read-only DevNo Maj Min Open Targ Event  ',
        '#Devs DevNosUsed       BlkDevNamesUsed  DevNamesUsed     #Refs RefNames RefDevNos ',
        'Subsys VG   LV   LVLayer',
      ].join(''),
    ]);
  });
});

describe('a name', () => {
  it.each([
    ['vg-lv', 'vg', 'lv', ''],
    ['vg--x-lv--y-real', 'vg-x', 'lv-y', 'real'],
    ['a--b-c--d-e--f-g', 'a-b', 'c-d', 'e-f'],
    ['a---b', 'a-', 'b', ''],
    ['a-----b', 'a--', 'b', ''],
    ['a-b-----c', 'a', 'b--', 'c'],
    ['a-', 'a-', '', ''],
    ['a---', 'a--', '', ''],
    ['a-b-', 'a', 'b-', ''],
    ['-a', '', 'a', ''],
    ['---a-b', '-', 'a', 'b'],
    ['-', '-', '', ''],
    ['', '', '', ''],
  ])('is split as LVM joined it: %s', (name, vgName, lvName, lvLayer) => {
    expect(splitName(name, 'LVM')).toEqual({ subsystem: 'LVM', vgName, lvName, lvLayer });
  });

  it('of others is not split', () => {
    expect(splitName('a-b', 'lvm')).toEqual({ subsystem: 'lvm', vgName: '', lvName: '', lvLayer: '' });
    expect(splitByUuid('a-b', 'LVM')).toMatchObject({ subsystem: '', vgName: '' });
  });
});

describe('splitname', () => {
  it('reports on the name alone', async () => {
    const context = contextOf({ columns: true }, ['vg-lv']);
    expect(await splitname(context)).toBe(true);
    expect(context.said).toEqual({ out: 'VG   LV   LVLayer\nvg   lv          \n', err: '' });
  });

  it('knows nothing of a device', async () => {
    await expect(splitname(contextOf({ options: '+open' }, ['vg-lv']))).rejects.toThrow(
      new TscryptError('INVALID_ARGUMENT', '_do_report_object: no data assigned to field open'),
    );
    await expect(splitname(contextOf({ select: 'uuid=' }, ['vg-lv']))).rejects.toThrow(TscryptError);
  });

  it('shows what it is asked for with `all`', async () => {
    const context = contextOf({ options: 'all', noheadings: true }, ['vg-lv', 'LVM']);
    await splitname(context);
    expect(context.said.out).toBe('LVM:vg:lv:\n');
  });
});

describe('options of a report', () => {
  const report = (options: DmOptions): { text: string | undefined; said: Said } => {
    const context = contextOf(options);
    const opened = openReport(context, new FieldCatalogue(DEVICE_SECTIONS), { fields: 'name,open' });
    for (const info of [beta, alpha]) opened?.add(rowOf(info));
    return { text: opened?.text(), said: context.said };
  };

  it.each<[DmOptions, string]>([
    [{}, 'Name             Open\nsp ace              0\nalpha               1\n'],
    [{ noheadings: true }, 'sp ace:0\nalpha:1\n'],
    [{ separator: '|' }, 'Name|Open\nsp ace|0\nalpha|1\n'],
    [{ separator: '', noheadings: true }, 'sp ace0\nalpha1\n'],
    [{ rows: true }, 'Name sp ace alpha\nOpen 0 1\n'],
    [{ rows: true, noheadings: true }, 'sp ace:alpha\n0:1\n'],
    [{ nameprefixes: true }, "Name Open\nDM_NAME='sp ace' DM_OPEN='0'\nDM_NAME='alpha' DM_OPEN='1'\n"],
    [
      { nameprefixes: true, unquoted: true, noheadings: true },
      'DM_NAME=sp ace:DM_OPEN=0\nDM_NAME=alpha:DM_OPEN=1\n',
    ],
    [{ options: '+minor', noheadings: true }, 'sp ace:0:1\nalpha:1:0\n'],
    [{ options: 'minor', noheadings: true, sort: 'name' }, '0\n1\n'],
    [{ select: 'open=1', noheadings: true }, 'alpha:1\n'],
    [{ unbuffered: true, noheadings: true, sort: 'name' }, 'alpha:1\nsp ace:0\n'],
  ])('%o', (options, text) => {
    expect(report(options)).toEqual({ text, said: { out: '', err: '' } });
  });

  it('may ask for help, which goes to standard error', () => {
    const { text, said } = report({ options: 'help' });
    expect(text).toBeUndefined();
    expect(said.out).toBe('');
    expect(said.err).toMatch(/^Mapped Device Name Fields\n-+\n {2}name_all +- /);
  });

  it('are refused with the list that helps, but for JSON', () => {
    const context = contextOf({ options: 'bogus' });
    const open = (json: boolean): unknown =>
      openReport(json ? { ...context, ui: new Ui({ json }) } : context, new FieldCatalogue(DEVICE_SECTIONS), {
        fields: 'name',
      });
    expect(() => open(false)).toThrow('Unrecognised field: bogus');
    expect(context.said.err).toMatch(/^Mapped Device Name Fields\n/);
    const lines = context.said.err.length;
    expect(() => open(true)).toThrow('Unrecognised field: bogus');
    expect(context.said.err.length).toBe(lines);
  });

  it('warn', () => {
    expect(report({ sort: 'name,name' }).said.err).toBe('dm_report: Ignoring duplicate sort field: name.\n');
  });
});

describe('a report that is repeated', () => {
  afterEach(() => vi.useRealTimers());

  it('is printed so many times, an empty line between, what was counted anew', async () => {
    vi.useFakeTimers();
    const context = contextOf({ count: 3, interval: 5, noheadings: true });
    const report = openReport(context, new FieldCatalogue(DEVICE_SECTIONS), { fields: 'events' });
    let event = 0;
    const printed = printReport(context, report!, async () => {
      report?.add(rowOf({ ...alpha, eventNumber: event++ }));
      return true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(context.said.out).toBe('0\n');
    await vi.advanceTimersByTimeAsync(4_999);
    expect(context.said.out).toBe('0\n');
    await vi.advanceTimersByTimeAsync(1);
    expect(context.said.out).toBe('0\n\n1\n');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await printed).toBe(true);
    expect(context.said.out).toBe('0\n\n1\n\n2\n');
  });

  it.each<[DmOptions, number]>([
    [{}, 1],
    [{ count: 2 }, 2],
    [{ count: 1, interval: 1 }, 1],
    [{ count: 5, json: true }, 1],
  ])('%o is made so often: %i', async (options, times) => {
    vi.useFakeTimers();
    let made = 0;
    const all = repeat(contextOf(options), async () => ++made > 0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await all).toBe(true);
    expect(made).toBe(times);
  });

  it.each<[DmOptions]>([[{ interval: 1 }], [{ count: 0 }]])('%o goes on until it fails', async (options) => {
    vi.useFakeTimers();
    let made = 0;
    const all = repeat(contextOf(options), async () => ++made < 100);
    await vi.advanceTimersByTimeAsync(98_000);
    expect(made).toBe(99);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await all).toBe(false);
  });

  it('prints the rows that it had when it failed', async () => {
    const context = contextOf({ noheadings: true });
    const report = openReport(context, new FieldCatalogue(DEVICE_SECTIONS), { fields: 'name' });
    const failing = printReport(context, report!, async () => {
      report?.add(rowOf(alpha));
      throw new TscryptError('NO_SUCH_DEVICE', 'gone');
    });
    await expect(failing).rejects.toThrow('gone');
    expect(context.said.out).toBe('alpha\n');
  });
});

describe('how ls and deps show devices', () => {
  it('is what was said last', () => {
    expect(nameForm(contextOf({}))).toBe('devno');
    expect(nameForm(contextOf({ options: 'devname,,blkdevname,' }))).toBe('blkdevname');
    expect(nameForm(contextOf({ options: '' }))).toBe('devno');
    expect(nameForm(contextOf({ options: 'name,open', columns: true }))).toBe('devno');
  });

  it('must be one of the forms', () => {
    expect(() => nameForm(contextOf({ options: 'devno,bogus,devname' }))).toThrow(
      new TscryptError('INVALID_ARGUMENT', 'Option not recognised: bogus,devname.'),
    );
  });
});
