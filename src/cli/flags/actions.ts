/**
 * Every action of tscrypt: what help, parsing, the check of options and, later, man pages and completion
 * know about it. The words are cryptsetup's.
 */
export interface ActionSpec {
  /** Other names of the same action. */
  readonly aliases: readonly string[];
  /** Operands as help shows them, cryptsetup's wording. */
  readonly operands: string;
  /** Names of the operands, in order. */
  readonly names: readonly string[];
  /** So many of them must be given. */
  readonly minimum: number;
  /** More of the last operand's kind may follow. */
  readonly repeats?: boolean;
  /** One line: the list of actions, the title of a man page. */
  readonly summary: string;
  /** Paragraphs: what it does, what it needs, what it leaves behind. */
  readonly description: readonly string[];
  readonly examples: readonly string[];
}

const KEYSLOT_COST =
  'The new keyslot takes the cost given with --pbkdf and its companions; without them it is measured on this machine.';

export const ACTIONS = {
  luksFormat: {
    aliases: [],
    operands: '<device> [<new key file>]',
    names: ['device', 'keyFile'],
    minimum: 1,
    summary: 'formats a LUKS device',
    description: [
      'Writes a LUKS2 header with one keyslot to <device>, a regular file, a disk or a partition. All data on it is lost. The passphrase is asked twice on a terminal, read up to the first newline where standard input is none, or taken whole from <new key file> or --key-file.',
      'Without options: aes-xts-plain64 with a key of 512 bits, argon2id costing two seconds, encryption sectors of 4096 bytes where the size allows. With --header the header goes to that file and <device> holds encrypted data alone.',
    ],
    examples: [
      'tscrypt luksFormat disk.img',
      'tscrypt luksFormat --batch-mode --pbkdf-memory 65536 disk.img key',
    ],
  },
  open: {
    aliases: ['luksOpen'],
    operands: '<device> [--type <type>] [<name>]',
    names: ['device', 'name'],
    minimum: 1,
    summary: 'open device as <name>',
    description: [
      'Unlocks <device> and maps its decrypted content as <name>. The mapped device is held by a tscryptd process and exported over NBD on a socket only the caller may use; its URI is what status shows. --nbd-listen exports over TCP as well.',
      'With --test-passphrase nothing is mapped and <name> may be left out. --volume-key-file replaces the passphrase. A wrong passphrase exits with 2, a name that is in use with 5.',
    ],
    examples: ['tscrypt open disk.img secret', 'tscrypt open --test-passphrase --key-file key disk.img'],
  },
  close: {
    aliases: ['remove', 'luksClose'],
    operands: '<name>',
    names: ['name'],
    minimum: 1,
    summary: 'close device (remove mapping)',
    description: [
      'Flushes and removes the mapped device <name>; the key leaves memory. While clients are connected it is refused with exit code 5; --deferred closes it when the last one has gone, --cancel-deferred takes that back.',
    ],
    examples: ['tscrypt close secret'],
  },
  status: {
    aliases: [],
    operands: '<name>',
    names: ['name'],
    minimum: 1,
    summary: 'show device status',
    description: [
      'Shows cipher, device, offset, size, mode, flags and exports of the mapped device <name>. Exits with 4 where no such device is active.',
    ],
    examples: ['tscrypt status secret', 'tscrypt status --json secret'],
  },
  luksDump: {
    aliases: [],
    operands: '<device>',
    names: ['device'],
    minimum: 1,
    summary: 'dump LUKS partition information',
    description: [
      'Prints the header of <device>: areas, segments, keyslots, tokens, digests. --dump-json-metadata prints the JSON area instead. --dump-volume-key prints the volume key after a question and a passphrase, or stores it in --volume-key-file, which must not exist.',
    ],
    examples: ['tscrypt luksDump disk.img'],
  },
  isLuks: {
    aliases: [],
    operands: '<device>',
    names: ['device'],
    minimum: 1,
    summary: 'tests <device> for LUKS partition header',
    description: ['Says nothing; exits with 0 where <device> is a LUKS device and with 1 where it is not.'],
    examples: ['tscrypt isLuks disk.img && echo yes'],
  },
  luksUUID: {
    aliases: [],
    operands: '<device>',
    names: ['device'],
    minimum: 1,
    summary: 'print UUID of LUKS device',
    description: ['Prints the UUID, or sets the one given with --uuid after a question.'],
    examples: ['tscrypt luksUUID disk.img'],
  },
  luksAddKey: {
    aliases: [],
    operands: '<device> [<new key file>]',
    names: ['device', 'keyFile'],
    minimum: 1,
    summary: 'add key to LUKS device',
    description: [
      'Adds a keyslot for a new passphrase (or <new key file>, --new-keyfile), after the volume key was unlocked with an existing one (or --key-file, --volume-key-file).',
      KEYSLOT_COST,
    ],
    examples: ['tscrypt luksAddKey disk.img', 'tscrypt luksAddKey --key-file old disk.img new'],
  },
  luksRemoveKey: {
    aliases: [],
    operands: '<device> [<key file>]',
    names: ['device', 'keyFile'],
    minimum: 1,
    summary: 'removes supplied key or key file from LUKS device',
    description: [
      'Removes the keyslot that the given passphrase (or <key file>, --key-file) opens, and overwrites its key material. Asks before the last keyslot goes: without one, all data is lost.',
    ],
    examples: ['tscrypt luksRemoveKey disk.img'],
  },
  luksKillSlot: {
    aliases: [],
    operands: '<device> <key slot>',
    names: ['device', 'keyslot'],
    minimum: 2,
    summary: 'wipes key with number <key slot> from LUKS device',
    description: [
      'Removes keyslot <key slot> and overwrites its key material. A passphrase of another keyslot is asked for; with --batch-mode on a terminal none is needed, and one that is given is checked all the same.',
    ],
    examples: ['tscrypt luksKillSlot disk.img 1'],
  },
  luksChangeKey: {
    aliases: [],
    operands: '<device> [<new key file>]',
    names: ['device', 'keyFile'],
    minimum: 1,
    summary: 'changes supplied key or key file of LUKS device',
    description: [
      'Replaces the passphrase of the keyslot that the given one opens. The new keyslot is complete on disk before the old one goes.',
      KEYSLOT_COST,
    ],
    examples: ['tscrypt luksChangeKey disk.img'],
  },
  luksHeaderBackup: {
    aliases: [],
    operands: '<device>',
    names: ['device'],
    minimum: 1,
    summary: 'Backup LUKS device header and keyslots',
    description: [
      'Stores header and keyslots in --header-backup-file, which must not exist. Who has that file and a passphrase that was valid when it was made can open the device for ever.',
    ],
    examples: ['tscrypt luksHeaderBackup disk.img --header-backup-file disk.header'],
  },
  luksHeaderRestore: {
    aliases: [],
    operands: '<device>',
    names: ['device'],
    minimum: 1,
    summary: 'Restore LUKS device header and keyslots',
    description: [
      'Writes the header and keyslots of --header-backup-file back, after a question. The keyslots on the device are replaced.',
    ],
    examples: ['tscrypt luksHeaderRestore disk.img --header-backup-file disk.header'],
  },
  benchmark: {
    aliases: [],
    operands: '[--cipher <cipher>]',
    names: [],
    minimum: 0,
    summary: 'benchmark cipher',
    description: [
      'Measures key derivation and ciphers in memory: all common ones, or those named with --cipher (and --key-size), --hash or --pbkdf.',
    ],
    examples: ['tscrypt benchmark', 'tscrypt benchmark --cipher aes-xts --key-size 512'],
  },
  daemon: {
    aliases: [],
    operands: '<status|restart> [<name> ...]',
    names: ['operation', 'name'],
    minimum: 1,
    repeats: true,
    summary: 'show or replace the processes behind devices (ours)',
    description: [
      'status: the daemons, what they serve, and whether a supervisor replaces them when they die.',
      'restart: replaces the daemons of the devices <name>, or all daemons and the supervisor, by new ones of the version that is installed now, while the devices are in use. Their users notice a pause. Refused with exit code 5 while clients are connected to a socket, or a device is in use that cannot be handed over (FUSE); --force does it all the same. When a new daemon does not come up, the devices wait for one that does.',
    ],
    examples: ['tscrypt daemon status', 'tscrypt daemon restart', 'tscrypt daemon restart secret'],
  },
  doctor: {
    aliases: [],
    operands: '',
    names: [],
    minimum: 0,
    summary: 'say what this machine offers, and what is missing (ours)',
    description: [
      'Shows what tscrypt finds here: Node.js, foreign functions, io_uring, protection of keys in memory, crypto engines, the ways in which the kernel can show a device, udev, the runtime directory; below what is missing, how to get it. The last line says what open --export auto would do.',
      'Exits with 0 where devices can be served in any way, if only on sockets.',
    ],
    examples: ['tscrypt doctor', 'tscrypt doctor --json'],
  },
} as const satisfies Record<string, ActionSpec>;

export type ActionName = keyof typeof ACTIONS;

export const ACTION_NAMES = Object.keys(ACTIONS) as ActionName[];

/** Actions of cryptsetup that this version does not have; they are refused by name, never half done. */
const UNAVAILABLE = new Set([
  'bitlkClose',
  'bitlkDump',
  'bitlkOpen',
  'config',
  'convert',
  'create',
  'erase',
  'fvault2Close',
  'fvault2Dump',
  'fvault2Open',
  'loopaesClose',
  'loopaesOpen',
  'luksConfig',
  'luksConvertKey',
  'luksErase',
  'luksResume',
  'luksSuspend',
  'plainClose',
  'plainOpen',
  'reencrypt',
  'refresh',
  'repair',
  'resize',
  'tcryptClose',
  'tcryptDump',
  'tcryptOpen',
  'token',
]);

export function isUnavailableAction(word: string): boolean {
  return UNAVAILABLE.has(word);
}

/** The action a word names, directly or as an alias. */
export function findAction(word: string): ActionName | undefined {
  return ACTION_NAMES.find((name) => {
    const aliases: readonly string[] = ACTIONS[name].aliases;
    return name === word || aliases.includes(word);
  });
}
