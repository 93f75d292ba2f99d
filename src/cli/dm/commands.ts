/**
 * Every command of tsdmsetup: what counting operands, usage, help and, later, man pages and completion know about
 * it. Names and operands are dmsetup's.
 */
export interface DmCommandSpec {
  /** Operands and options as usage shows them; a text each for the ways to call it, lines broken as there. */
  readonly usage: readonly string[];
  /** So many operands at least, and at most. */
  readonly minimum: number;
  readonly maximum: number;
  /** One line: the title of a man page. */
  readonly summary: string;
  /** Paragraphs: what it does, what it needs, what it leaves behind. */
  readonly description: readonly string[];
  readonly examples: readonly string[];
}

const ANY = Number.POSITIVE_INFINITY;
const ADD_NODE = '[--addnodeonresume|--addnodeoncreate]';
const READ_AHEAD = '[--readahead {[+]<sectors>|auto|none}]';

const TABLE_INPUT =
  'The table is the text given with --table, else the file <table_file>, else standard input: a line a target, `<start> <length> <type> <arguments>`, in sectors of 512 bytes; `#` starts a comment. A device in it is a file, a disk (path or major:minor), an NBD URI, or another mapped device (/dev/mapper/NAME or 4095:MINOR).';
const NO_UDEV = 'There is no udev to talk to: accepted, so that scripts run.';

const COMMANDS = {
  help: {
    usage: ['[-c|-C|--columns]'],
    minimum: 0,
    maximum: 1,
    summary: 'says which commands there are',
    description: [
      'Lists commands and options. With --columns it also lists the fields of reports. `help <command>` explains one command (ours).',
    ],
    examples: ['tsdmsetup help create'],
  },
  create: {
    usage: [
      `<dev_name>
	    [-j|--major <major> -m|--minor <minor>]
	    [-U|--uid <uid>] [-G|--gid <gid>] [-M|--mode <octal_mode>]
	    [-u|--uuid <uuid>] ${ADD_NODE}
	    ${READ_AHEAD}
	    [-n|--notable|--table {<table>|<table_file>}]`,
      '--concise [<concise_device_spec_list>]',
    ],
    minimum: 0,
    maximum: 2,
    summary: 'makes a mapped device',
    description: [
      'Makes the device, loads its table and resumes it; when the table is refused nothing is left. With --notable it has no table until one is loaded and resumed. Devices made so share one process, and a table may name any of them.',
      TABLE_INPUT,
      '--concise makes several devices from one text, which `table --concise` prints: devices are separated by `;`, the fields of a device (name, uuid, minor, rw or ro, table lines) by `,`. All of it is checked before the first device is made.',
    ],
    examples: [
      "tsdmsetup create joined --table '0 8192 linear a.img 0'",
      'tsdmsetup create secret < table',
      "tsdmsetup create --concise 'one,,,rw,0 8 zero;two,,,ro,0 8 error'",
    ],
  },
  remove: {
    usage: ['[--deferred] [-f|--force] [--retry] <device>...'],
    minimum: 0,
    maximum: ANY,
    summary: 'removes mapped devices',
    description: [
      'What was written is stable and keys are wiped when it returns. A device that is open stays, which is a failure; with --deferred it goes when its last user does, with --retry it is tried for some seconds, with --force its table is replaced by one that fails every request.',
    ],
    examples: ['tsdmsetup remove joined', 'tsdmsetup remove --deferred joined'],
  },
  remove_all: {
    usage: ['[-f|--force]'],
    minimum: 0,
    maximum: 0,
    summary: 'removes every mapped device',
    description: [
      'Also those of tscrypt open. Devices that are open stay; with --force they fail every request from now on, with --deferred they go when their last users do.',
    ],
    examples: ['tsdmsetup remove_all'],
  },
  suspend: {
    usage: ['[--noflush] [--nolockfs] <device>...'],
    minimum: 0,
    maximum: ANY,
    summary: 'holds back the requests of devices',
    description: [
      'Requests under way end, what was written is flushed (unless --noflush), later requests wait until `resume`. Suspending a device that is suspended does nothing.',
    ],
    examples: ['tsdmsetup suspend joined'],
  },
  resume: {
    usage: [
      `[--noflush] [--nolockfs] <device>...
	       ${ADD_NODE}
	       ${READ_AHEAD}`,
    ],
    minimum: 0,
    maximum: ANY,
    summary: 'lets requests through and makes the loaded table live',
    description: [
      'If the inactive table is filled it takes the place of the live one. Requests that waited are made again, through the new table.',
    ],
    examples: ['tsdmsetup resume joined'],
  },
  load: {
    usage: ['<device> [<table>|<table_file>]'],
    minimum: 0,
    maximum: 2,
    summary: 'loads a table, which resume makes live',
    description: [
      'Fills the inactive slot of the device; the live table serves until `resume`. A refused table leaves the device as it was.',
      TABLE_INPUT,
    ],
    examples: ["tsdmsetup load joined --table '0 16384 linear b.img 0'"],
  },
  clear: {
    usage: ['<device>'],
    minimum: 0,
    maximum: ANY,
    summary: 'drops a table that was loaded and not made live',
    description: ['Empties the inactive slot of each device.'],
    examples: ['tsdmsetup clear joined'],
  },
  reload: {
    usage: ['<device> [<table>|<table_file>]'],
    minimum: 0,
    maximum: 2,
    summary: 'is another name of load',
    description: ['See `help load`.'],
    examples: ['tsdmsetup reload joined table'],
  },
  wipe_table: {
    usage: ['[-f|--force] [--noflush] [--nolockfs] <device>...'],
    minimum: 0,
    maximum: ANY,
    summary: 'lets devices fail every request',
    description: [
      'Waits for the requests under way, then replaces the table by one of the same size with a single error target. The devices below are let go of.',
    ],
    examples: ['tsdmsetup wipe_table joined'],
  },
  rename: {
    usage: ['<device> [--setuuid] <new_name_or_uuid>'],
    minimum: 1,
    maximum: 2,
    summary: 'gives a device another name, or a uuid',
    description: [
      'With --setuuid a device without a uuid gets one, which cannot be changed later. Clients that are connected stay connected; new ones use the new name.',
    ],
    examples: ['tsdmsetup rename joined whole', 'tsdmsetup rename whole --setuuid MINE-1'],
  },
  measure: {
    usage: ['[<device>...]'],
    minimum: 0,
    maximum: ANY,
    summary: 'is not available: nothing is measured here',
    description: ['In Linux it shows what the integrity subsystem (IMA) would be told. There is none here.'],
    examples: [],
  },
  message: {
    usage: ['<device> <sector> <message>'],
    minimum: 2,
    maximum: ANY,
    summary: 'sends a message to a target',
    description: [
      'The words go to the target that holds <sector>; where it does not matter, 0. What the target answers is printed. Messages that begin with @ are for the device itself: @cancel_deferred_remove, @stats_create and its companions.',
      'A key among the words can be seen in the list of processes while the program runs. `message <device> <sector> -` reads the message from standard input instead (ours).',
    ],
    examples: ['tsdmsetup message switch 0 set_region_mappings 0:1'],
  },
  ls: {
    usage: ['[--target <target_type>] [--exec <command>] [-o <options>] [--tree]'],
    minimum: 0,
    maximum: 0,
    summary: 'lists mapped devices',
    description: [
      'A line a device, name and numbers. --target lists those with a target of that type in their table, --exec runs a command for each with /dev/mapper/NAME added to its words, --tree shows what lies upon what.',
    ],
    examples: ['tsdmsetup ls', 'tsdmsetup ls --tree'],
  },
  info: {
    usage: ['[<device>...]'],
    minimum: 0,
    maximum: ANY,
    summary: 'describes devices',
    description: [
      'Name, state, tables, open count, event number, numbers, targets and uuid of each device, or, with --columns, a table of the fields chosen with --options.',
    ],
    examples: ['tsdmsetup info joined', 'tsdmsetup info -c -o name,open,uuid'],
  },
  deps: {
    usage: ['[-o <options>] [<device>...]'],
    minimum: 0,
    maximum: ANY,
    summary: 'lists the devices that a table uses',
    description: ['How they are shown: -o devno (major and minor number), blkdevname, devname.'],
    examples: ['tsdmsetup deps -o devname joined'],
  },
  stats: {
    usage: ['<command> [<options>] [<device>...]'],
    minimum: 1,
    maximum: ANY,
    summary: 'counts requests in regions of devices',
    description: ['As dmstats: `stats help` lists its commands.'],
    examples: ['tsdmsetup stats create joined', 'tsdmsetup stats report'],
  },
  status: {
    usage: ['[<device>...] [--noflush] [--target <target_type>]'],
    minimum: 0,
    maximum: ANY,
    summary: 'shows the state of targets',
    description: [
      'A line a target: start, length, type, and what the target says of itself. --target shows targets of one type only.',
    ],
    examples: ['tsdmsetup status', 'tsdmsetup status --target crypt'],
  },
  table: {
    usage: ['[<device>...] [--concise] [--target <target_type>] [--showkeys]'],
    minimum: 0,
    maximum: ANY,
    summary: 'shows tables',
    description: [
      'A line a target, as `create` and `load` take it. Keys are printed as zeroes unless --showkeys asks for them. --inactive shows the table that was loaded and is not live. --concise prints one line, which `create --concise` takes.',
    ],
    examples: ['tsdmsetup table joined', 'tsdmsetup table --concise'],
  },
  wait: {
    usage: ['<device> [<event_nr>] [--noflush]'],
    minimum: 0,
    maximum: 2,
    summary: 'waits for an event of a device',
    description: [
      'Returns when the event number of the device is another one than <event_nr>; without it, or with 0, at the next event.',
    ],
    examples: ['tsdmsetup wait joined'],
  },
  mknodes: {
    usage: ['[<device>...]'],
    minimum: 0,
    maximum: ANY,
    summary: 'does nothing: there are no device nodes',
    description: ['Accepted, so that scripts run. Devices are reached over NBD; `info --json` shows where.'],
    examples: [],
  },
  mangle: {
    usage: ['[<device>...]'],
    minimum: 0,
    maximum: ANY,
    summary: 'renames devices whose names should be mangled',
    description: [
      'Gives each device the name that it would have been given with --manglename, and says which uuids are not in that form.',
    ],
    examples: ['tsdmsetup mangle'],
  },
  udevcreatecookie: {
    usage: [''],
    minimum: 0,
    maximum: 0,
    summary: 'prints nothing, as where there is no udev',
    description: [NO_UDEV],
    examples: [],
  },
  udevreleasecookie: {
    usage: ['[<cookie>]'],
    minimum: 0,
    maximum: 1,
    summary: 'waits for no one, as where there is no udev',
    description: [NO_UDEV],
    examples: [],
  },
  udevflags: {
    usage: ['<cookie>'],
    minimum: 1,
    maximum: 1,
    summary: 'says which flags a cookie holds',
    description: ['Prints the flags in the upper half of the number, as variables for udev rules.'],
    examples: ['tsdmsetup udevflags 0x10000'],
  },
  udevcomplete: {
    usage: ['<cookie>'],
    minimum: 1,
    maximum: 1,
    summary: 'wakes no one, as where there is no udev',
    description: [NO_UDEV],
    examples: [],
  },
  udevcomplete_all: {
    usage: ['[<age_in_minutes>]'],
    minimum: 0,
    maximum: 1,
    summary: 'wakes no one, as where there is no udev',
    description: [NO_UDEV],
    examples: [],
  },
  udevcookies: {
    usage: [''],
    minimum: 0,
    maximum: 0,
    summary: 'lists no cookies, as where there is no udev',
    description: [NO_UDEV],
    examples: [],
  },
  'target-version': {
    usage: ['[<target>...]'],
    minimum: 1,
    maximum: ANY,
    summary: 'says whose behaviour a target type has',
    description: ['The version of the target in Linux that this one is like.'],
    examples: ['tsdmsetup target-version crypt'],
  },
  targets: {
    usage: [''],
    minimum: 0,
    maximum: 0,
    summary: 'lists the target types',
    description: ['All of this version, each with the version of the target in Linux that it is like.'],
    examples: ['tsdmsetup targets'],
  },
  version: {
    usage: [''],
    minimum: 0,
    maximum: 0,
    summary: 'says which version this is',
    description: [
      'The library version is tscrypt’s; the driver version is that of the Linux device mapper whose behaviour this is.',
    ],
    examples: ['tsdmsetup version'],
  },
  setgeometry: {
    usage: ['<device> <cyl> <head> <sect> <start>'],
    minimum: 5,
    maximum: 5,
    summary: 'keeps a geometry with a device',
    description: ['Cylinders, heads, sectors and the first sector, for programs that ask for them.'],
    examples: ['tsdmsetup setgeometry joined 64 32 32 0'],
  },
  splitname: {
    usage: ['<device> [<subsystem>]'],
    minimum: 1,
    maximum: 2,
    summary: 'takes the name of an LVM volume apart',
    description: ['Volume group, logical volume and layer. The only subsystem is LVM.'],
    examples: ['tsdmsetup splitname vg-lv'],
  },
} as const satisfies Record<string, DmCommandSpec>;

export type DmCommandName = keyof typeof COMMANDS;

/** In the order of the usage. */
export const DM_COMMAND_NAMES = Object.keys(COMMANDS) as DmCommandName[];

/** The table's entry, as what every entry has in common. */
export function dmCommandSpec(name: DmCommandName): DmCommandSpec {
  return COMMANDS[name];
}

export function isDmCommand(word: string): word is DmCommandName {
  return Object.hasOwn(COMMANDS, word);
}
