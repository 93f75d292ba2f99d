/**
 * Every option of tsdmsetup, once: parsing, help and man pages derive from this table. Names, short names and
 * meaning are dmsetup's; what dmsetup does not have is ours and marked so. As there, every command accepts every
 * option; `commands` says who does something with it.
 *
 * The order is the one in which getopt_long lists them when an abbreviation is ambiguous.
 */
export interface DmOptionSpec {
  /** Short names, one letter each. */
  readonly short?: string;
  /** `flag`: given or not. `count`: how often. Others take an argument. */
  readonly kind: 'flag' | 'count' | 'text' | 'number';
  /** Placeholder of the argument in help. */
  readonly unit?: string;
  readonly help: string;
  /** Commands that do something with it; none: accepted for scripts, without effect. */
  readonly commands: 'all' | readonly string[];
}

const NONE = [] as const;
const STATS = ['stats'] as const;
const REPORTS = ['info', 'splitname', 'stats'] as const;

const OPTIONS = {
  alias: { kind: 'text', unit: 'name', help: 'Name of a group', commands: STATS },
  alldevices: { kind: 'flag', help: 'All devices', commands: STATS },
  allprograms: { kind: 'flag', help: 'Regions of all programs', commands: STATS },
  allregions: { kind: 'flag', help: 'All regions of a device', commands: STATS },
  area: { kind: 'flag', help: 'Report areas', commands: STATS },
  areas: { kind: 'number', unit: 'number', help: 'Number of areas of a new region', commands: STATS },
  areasize: { kind: 'text', unit: 'size', help: 'Size of the areas of a new region', commands: STATS },
  addnodeonresume: { kind: 'flag', help: 'Accepted: there are no device nodes here', commands: NONE },
  addnodeoncreate: { kind: 'flag', help: 'Accepted: there are no device nodes here', commands: NONE },
  bounds: { kind: 'text', unit: 'bounds', help: 'Bounds of a latency histogram', commands: STATS },
  checks: { kind: 'flag', help: 'Accepted: everything is always checked', commands: NONE },
  clear: { kind: 'flag', help: 'Reset the counters after they are printed', commands: STATS },
  columns: { short: 'cC', kind: 'flag', help: 'Columns instead of a line a field', commands: 'all' },
  concise: {
    kind: 'flag',
    help: 'One line for all devices: what table --concise prints, create --concise takes',
    commands: ['create', 'table'],
  },
  count: { kind: 'number', unit: 'number', help: 'How often a report is repeated', commands: REPORTS },
  deferred: {
    kind: 'flag',
    help: 'Remove a device that is open when it is closed',
    commands: ['remove', 'remove_all'],
  },
  exec: { kind: 'text', unit: 'command', help: 'Run a command for each device', commands: ['ls'] },
  filemap: { kind: 'flag', help: 'Regions for the extents of a file', commands: STATS },
  follow: { kind: 'text', unit: 'mode', help: 'How a mapped file is followed', commands: STATS },
  force: {
    short: 'f',
    kind: 'flag',
    help: 'Let a device that is open fail every request from now on',
    commands: ['remove', 'remove_all', 'stats'],
  },
  foreground: { kind: 'flag', help: 'Do not detach', commands: STATS },
  gid: {
    short: 'G',
    kind: 'number',
    unit: 'gid',
    help: 'Accepted: there are no device nodes here',
    commands: NONE,
  },
  group: { kind: 'flag', help: 'Report groups', commands: STATS },
  groupid: { kind: 'number', unit: 'id', help: 'Number of a group', commands: STATS },
  help: { short: 'h', kind: 'flag', help: 'Say which commands there are', commands: 'all' },
  histogram: { kind: 'flag', help: 'Report latency histograms', commands: STATS },
  inactive: {
    kind: 'flag',
    help: 'Show the inactive table instead of the live one',
    commands: ['table', 'status', 'info', 'deps', 'ls'],
  },
  interval: { kind: 'number', unit: 'seconds', help: 'Pause between repeated reports', commands: REPORTS },
  json: { kind: 'flag', help: 'Print results and errors as JSON (ours)', commands: 'all' },
  length: { kind: 'text', unit: 'size', help: 'Length of a region', commands: STATS },
  manglename: {
    kind: 'text',
    unit: '{none|hex|auto}',
    help: 'How characters that udev does not allow stand in names and uuids (default auto)',
    commands: 'all',
  },
  major: { short: 'j', kind: 'number', unit: 'major', help: 'Major number of the device', commands: 'all' },
  minor: { short: 'm', kind: 'number', unit: 'minor', help: 'Minor number of the device', commands: 'all' },
  mode: {
    short: 'M',
    kind: 'text',
    unit: 'octal_mode',
    help: 'Accepted: there are no device nodes here',
    commands: NONE,
  },
  nameprefixes: { kind: 'flag', help: "Print DM_FIELD='value'", commands: REPORTS },
  nogroup: { kind: 'flag', help: 'Do not make a group', commands: STATS },
  noflush: {
    kind: 'flag',
    help: 'Do not flush before suspending; do not commit before a status is read',
    commands: ['suspend', 'resume', 'wipe_table', 'status', 'wait'],
  },
  noheadings: { kind: 'flag', help: 'No line of headings', commands: REPORTS },
  nolockfs: { kind: 'flag', help: 'Accepted: no file system is frozen here', commands: NONE },
  noopencount: { kind: 'flag', help: 'Accepted: counting costs nothing here', commands: NONE },
  nosuffix: { kind: 'flag', help: 'No unit behind sizes', commands: STATS },
  notable: { short: 'n', kind: 'flag', help: 'Load no table', commands: ['create'] },
  notimesuffix: { kind: 'flag', help: 'No unit behind times', commands: STATS },
  nomonitor: { kind: 'flag', help: 'Do not follow a mapped file', commands: STATS },
  noudevrules: { kind: 'flag', help: 'Accepted: there is no udev here', commands: NONE },
  noudevsync: { kind: 'flag', help: 'Accepted: there is no udev here', commands: NONE },
  options: {
    short: 'o',
    kind: 'text',
    unit: 'fields',
    help: 'What to show, separated by commas',
    commands: ['info', 'splitname', 'ls', 'deps', 'stats'],
  },
  precise: { kind: 'flag', help: 'Count nanoseconds', commands: STATS },
  programid: { kind: 'text', unit: 'id', help: 'Program that regions belong to', commands: STATS },
  readonly: {
    short: 'r',
    kind: 'flag',
    help: 'Load a table for reading only',
    commands: ['create', 'load', 'reload'],
  },
  raw: { kind: 'flag', help: 'Print what the device says', commands: STATS },
  readahead: {
    kind: 'text',
    unit: '{[+]<sectors>|auto|none}',
    help: 'Accepted: read ahead belongs to whoever reads',
    commands: NONE,
  },
  region: { kind: 'flag', help: 'Report regions', commands: STATS },
  regions: { kind: 'text', unit: 'list', help: 'Regions of a group', commands: STATS },
  regionid: { kind: 'number', unit: 'id', help: 'Number of a region', commands: STATS },
  relative: { kind: 'flag', help: 'Histograms in percent', commands: STATS },
  retry: { kind: 'flag', help: 'Try for some seconds to remove a device that is open', commands: ['remove'] },
  rows: { kind: 'flag', help: 'A line a field instead of a line a device', commands: REPORTS },
  select: {
    short: 'S',
    kind: 'text',
    unit: 'selection',
    help: 'Only what meets a condition',
    commands: REPORTS,
  },
  segments: { kind: 'flag', help: 'A region for each target', commands: STATS },
  separator: { kind: 'text', unit: 'separator', help: 'What stands between columns', commands: REPORTS },
  setuuid: { kind: 'flag', help: 'Set the uuid instead of the name', commands: ['rename'] },
  showkeys: { kind: 'flag', help: 'Show the keys of tables', commands: ['table'] },
  sort: { short: 'O', kind: 'text', unit: 'sort_fields', help: 'Fields to sort by', commands: REPORTS },
  start: { kind: 'text', unit: 'start', help: 'Where a region starts', commands: STATS },
  table: {
    kind: 'text',
    unit: 'table',
    help: 'The table itself instead of a file',
    commands: ['create', 'load', 'reload'],
  },
  target: {
    kind: 'text',
    unit: 'target_type',
    help: 'Only targets of one type',
    commands: ['ls', 'status', 'table'],
  },
  tree: { kind: 'flag', help: 'Show what lies upon what', commands: ['ls'] },
  udevcookie: { kind: 'text', unit: 'cookie', help: 'Accepted: there is no udev here', commands: NONE },
  uid: {
    short: 'U',
    kind: 'number',
    unit: 'uid',
    help: 'Accepted: there are no device nodes here',
    commands: NONE,
  },
  units: { kind: 'text', unit: 'units', help: 'Units of sizes', commands: STATS },
  uuid: { short: 'u', kind: 'text', unit: 'uuid', help: 'UUID of the device', commands: 'all' },
  unbuffered: { kind: 'flag', help: 'Print each line at once', commands: REPORTS },
  unquoted: { kind: 'flag', help: 'No quotes around the values of --nameprefixes', commands: REPORTS },
  userdata: { kind: 'text', unit: 'data', help: 'Text kept with a region', commands: STATS },
  verbose: { short: 'v', kind: 'count', help: 'Say more', commands: 'all' },
  verifyudev: { kind: 'flag', help: 'Accepted: there is no udev here', commands: NONE },
  version: { kind: 'flag', help: 'Say which version this is', commands: 'all' },
  yes: { short: 'y', kind: 'flag', help: 'Answer every question with yes', commands: 'all' },
} as const satisfies Record<string, DmOptionSpec>;

export type DmOptionName = keyof typeof OPTIONS;

interface KindValue {
  flag: true;
  count: number;
  text: string;
  number: number;
}

/** The values of a command line, by option name; absent where not given. Of an option given twice the last counts. */
export type DmOptions = {
  readonly [Name in DmOptionName]?: KindValue[(typeof OPTIONS)[Name]['kind']];
};

export const DM_OPTION_NAMES = Object.keys(OPTIONS) as DmOptionName[];

/** The table's entry, as what every entry has in common. */
export function dmOptionSpec(name: DmOptionName): DmOptionSpec {
  return OPTIONS[name];
}
