import { createHash } from 'node:crypto';
import type { Areas } from './areas.ts';
import type { Random } from './random.ts';

/** What a line is made of. */
export interface LineRequest {
  readonly random: Random;
  /** Sectors that the line covers; a multiple of `unit`. */
  readonly sectors: number;
  /** Sectors of the largest block in the case: every place and length is a multiple. */
  readonly unit: number;
  /** What is free of the devices below. */
  readonly below: Areas;
  /** The line is the only one of its table, the first that the device gets. */
  readonly alone: boolean;
  /** No device is above this one. */
  readonly top: boolean;
}

export interface MadeLine {
  /** Behind start and length: the target's name and its arguments. */
  readonly text: string;
  /** Messages that may be sent to it, in this order, at any time. */
  readonly messages?: readonly string[];
  /** Another table may not take its place. */
  readonly immutable?: boolean;
}

/** Makes a line of one target; undefined when the devices below do not allow for it. */
export type LineMaker = (request: LineRequest) => MadeLine | undefined;

/** A maker for each target, by its name, with how often it is chosen. A new target adds one. */
export const lineMakers: ReadonlyMap<string, readonly [weight: number, make: LineMaker]> = new Map<
  string,
  readonly [number, LineMaker]
>([
  ['linear', [10, linear]],
  ['zero', [2, () => ({ text: 'zero' })]],
  ['error', [1, () => ({ text: 'error' })]],
  ['crypt', [8, crypt]],
  ['striped', [10, striped]],
  ['unstriped', [7, unstriped]],
  ['switch', [8, switchLine]],
  ['delay', [3, delay]],
  ['flakey', [5, flakey]],
  ['dust', [6, dust]],
  ['log-writes', [20, logWrites]],
  ['multipath', [12, multipath]],
]);

function linear({ random, sectors, below }: LineRequest): MadeLine | undefined {
  const area = below.take(random, sectors);
  return area && { text: `linear ${area.device} ${area.start}` };
}

const CIPHERS: readonly (readonly [cipher: string, keySize: number])[] = [
  ['aes-xts-plain64', 64],
  ['aes-xts-plain64', 32],
  ['aes-cbc-essiv:sha256', 32],
  ['aes-cbc-plain64', 16],
];

function crypt({ random, sectors, unit, below }: LineRequest): MadeLine | undefined {
  const area = below.take(random, sectors);
  if (!area) return undefined;
  const [cipher, keySize] = random.pick(CIPHERS);
  const key = createHash('shake256', { outputLength: keySize })
    .update(`${random.below(1 << 30)}`)
    .digest('hex');
  const sectorSize = random.pick([512, 1024, 2048, 4096].filter((size) => unit % (size / 512) === 0));
  const options = [
    ...(sectorSize > 512 ? [`sector_size:${sectorSize}`] : []),
    ...(sectorSize > 512 && random.chance(50) ? ['iv_large_sectors'] : []),
    ...(random.chance(50) ? ['allow_discards'] : []),
    ...(random.chance(20) ? ['no_read_workqueue'] : []),
    ...(random.chance(20) ? ['no_write_workqueue'] : []),
  ];
  const tail = options.length === 0 ? '' : ` ${options.length} ${options.join(' ')}`;
  const ivOffset = random.pick([0, 8, 2 ** 32 - 32]);
  return { text: `crypt ${cipher} ${key} ${ivOffset} ${area.device} ${area.start}${tail}` };
}

function striped({ random, sectors, unit, below }: LineRequest): MadeLine | undefined {
  const count = random.pick([1, 2, 2, 3, 4, 5].filter((stripes) => sectors % (stripes * unit) === 0));
  const areas = below.takeAll(random, count, sectors / count);
  if (!areas) return undefined;
  const chunk = divisor(random, sectors / count, unit);
  return { text: `striped ${count} ${chunk} ${areas.map(place).join(' ')}` };
}

function unstriped({ random, sectors, unit, below }: LineRequest): MadeLine | undefined {
  const stripes = random.between(1, 3);
  const area = below.take(random, sectors * stripes);
  if (!area) return undefined;
  const chunk = divisor(random, sectors, unit);
  return { text: `unstriped ${stripes} ${chunk} ${random.below(stripes)} ${place(area)}` };
}

function switchLine({ random, sectors, unit, below }: LineRequest): MadeLine | undefined {
  const paths = random.between(1, 4);
  const areas = below.takeAll(random, paths, sectors);
  if (!areas) return undefined;
  const region = random.between(1, Math.max(1, Math.floor(sectors / unit / 3))) * unit;
  const regions = Math.ceil(sectors / region);
  const mappings = Array.from({ length: random.between(1, 4) }, () => {
    return `${random.below(regions).toString(16)}:${random.below(paths).toString(16)}`;
  });
  return {
    text: `switch ${paths} ${region} 0 ${areas.map(place).join(' ')}`,
    messages: [`set_region_mappings ${mappings.join(' ')}`],
  };
}

function delay({ random, sectors, below }: LineRequest): MadeLine | undefined {
  const classes = random.between(1, 3);
  const area = below.take(random, sectors);
  if (!area) return undefined;
  const times = Array.from({ length: classes }, () => `${place(area)} ${random.below(3)}`);
  return { text: `delay ${times.join(' ')}` };
}

function flakey({ random, sectors, below }: LineRequest): MadeLine | undefined {
  const area = below.take(random, sectors);
  if (!area) return undefined;
  const behaviour = random.pick([
    '3600 0',
    '3600 0 1 drop_writes',
    '0 3600 1 drop_writes',
    '0 3600 1 error_writes',
    '0 3600 1 error_reads',
    '0 3600',
  ]);
  return { text: `flakey ${place(area)} ${behaviour}` };
}

function dust({ random, sectors, unit, below }: LineRequest): MadeLine | undefined {
  const block = random.pick(
    [512, 1024, 4096, 16384].filter((size) => size >= unit * 512 && size <= sectors * 512),
  );
  const area = below.take(random, sectors);
  if (!area) return undefined;
  // Bad blocks are counted from the beginning of the device below.
  const first = Math.floor((area.start * 512) / block);
  const last = Math.floor(((area.start + sectors) * 512 - 1) / block);
  const bad = random.between(first, last);
  return {
    text: `dust ${place(area)} ${block}`,
    messages: [
      `addbadblock ${bad}${random.chance(50) ? ` ${random.between(0, 3)}` : ''}`,
      `queryblock ${bad}`,
      'enable',
      'countbadblocks',
      random.pick(['disable', 'clearbadblocks', 'listbadblocks', `removebadblock ${bad}`]),
    ],
  };
}

function logWrites({ random, sectors, unit, below, alone, top }: LineRequest): MadeLine | undefined {
  // What is above might write zeroes in one request that the kernel writes as data in many: other log entries.
  if (!alone || !top) return undefined;
  // The log is made of the data's blocks, and has to take them.
  if (unit > 1) return undefined;
  const [data, log] = [below.takeBeginning(random, sectors), below.takeBeginning(random, 64)];
  if (!data || !log) return undefined;
  return {
    text: `log-writes ${data.device} ${log.device}`,
    messages: ['mark here', 'mark there'],
    immutable: true,
  };
}

function multipath({ random, sectors, below, alone }: LineRequest): MadeLine | undefined {
  if (!alone) return undefined;
  const area = below.takeBeginning(random, sectors);
  if (!area) return undefined;
  // One path: the flush of a device that could not make stable what was written is not tried on another here.
  return {
    text: `multipath 2 queue_mode bio 0 1 1 round-robin 0 1 1 ${area.device} 1`,
    messages: ['switch_group 1', 'disable_group 1', 'enable_group 1'],
    immutable: true,
  };
}

function place({ device, start }: { readonly device: string; readonly start: number }): string {
  return `${device} ${start}`;
}

/** A divisor of `sectors` that is a multiple of `unit`; large ones as often as small ones. */
function divisor(random: Random, sectors: number, unit: number): number {
  const most = sectors / unit;
  const divisors = Array.from({ length: most }, (_, index) => index + 1).filter((each) => most % each === 0);
  return random.pick(divisors) * unit;
}
