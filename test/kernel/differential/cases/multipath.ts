import type { Case, MappedSpec, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

export const SELECTORS = ['round-robin', 'queue-length', 'service-time'] as const;
export const SECTORS = 2048;

/**
 * multipath: which path serves what (the paths lead to disks with different content there), failing paths,
 * messages, groups and suspensions. Requests that no path can serve must not be queued: nobody
 * would make the next step.
 */
export function cases(random: Random): Case[] {
  return [
    ...SELECTORS.map((selector) => turns(random, selector)),
    ...[0, 1, 2, 3].map((number) => groups(random, number)),
    ...[0, 1, 2].map((number) => oneStorage(random, number)),
    ...SELECTORS.map((selector) => brokenPaths(random, selector)),
    allBroken(),
    throughputs(),
    ...[0, 1, 2, 3].map((number) => features(random, number)),
    initialGroups(),
    mixedBlockSizes(),
    suspensions(),
    withoutGroups(),
    replacements(),
  ];
}

/** One group over three disks; between requests paths fail and come back by message. */
function turns(random: Random, selector: string): Case {
  const steps: Step[] = [{ do: 'table' }, { do: 'status' }, ...reads(7), { do: 'status' }];
  for (let i = 0; i < 12; i++) {
    const verb = random.pick(['fail_path', 'reinstate_path', 'reinstate_path']);
    steps.push(message(`${verb} ${random.pick(['{a}', '{b}', '{c}'])}`), { do: 'status' });
    steps.push(...requests(random, 4), { do: 'status' });
  }
  steps.push({ do: 'info' }, message('reinstate_path {a}'));
  return {
    name: `multipath: whose turn it is by ${selector}`,
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top(`${bio(1, 1)} ${selector} 0 3 1 {a} 1 {b} 1 {c} 1`)],
    steps,
  };
}

/** Three or four groups of one or two paths, which every message there is moves about. */
function groups(random: Random, number: number): Case {
  const letters = ['{a}', '{b}', '{c}', '{d}', '{e}'];
  const sizes = random.pick([
    [1, 1, 1],
    [2, 1, 2],
    [1, 2, 1, 1],
    [2, 2, 1],
  ]);
  let used = 0;
  const text = sizes.map((size) => {
    const paths = letters.slice(used, used + size).map((letter) => `${letter} 1`);
    used += size;
    return `${random.pick(SELECTORS)} 0 ${size} 1 ${paths.join(' ')}`;
  });
  const steps: Step[] = [{ do: 'status' }, ...reads(3)];
  for (let i = 0; i < 16; i++) {
    const verb = random.pick([
      'disable_group',
      'enable_group',
      'switch_group',
      'switch_group',
      'fail_path',
      'reinstate_path',
    ]);
    const object = verb.endsWith('group')
      ? random.between(1, sizes.length)
      : random.pick(letters.slice(0, used));
    steps.push(message(`${verb} ${object}`), { do: 'status' }, ...requests(random, 2), { do: 'status' });
  }
  return {
    name: `multipath: groups ${number}`,
    disks: letters.slice(0, used).map(() => ({ sectors: SECTORS })),
    devices: [top(`${bio(sizes.length, random.between(1, sizes.length))} ${text.join(' ')}`)],
    steps: [...steps, { do: 'table' }, { do: 'info' }, message('reinstate_path {a}')],
  };
}

/** As multipath is meant: the paths, which are devices of their own, lead to one disk. */
function oneStorage(random: Random, number: number): Case {
  const blockSize = number === 2 ? 4096 : 512;
  const unit = blockSize / 512;
  const selector = SELECTORS[number] ?? 'round-robin';
  const load = workload(random, { sectors: SECTORS, unit, steps: 30 });
  const middle = [message('fail_path {way1}'), { do: 'status' }] as const;
  const end = [message('reinstate_path {way1}'), message('fail_path {way0}'), { do: 'status' }] as const;
  return {
    name: `multipath: one storage by ${selector}`,
    disks: [{ sectors: SECTORS + 64, blockSize }],
    devices: [
      { name: 'way0', table: [`0 ${SECTORS} linear {a} 64`] },
      { name: 'way1', table: [`0 ${SECTORS} linear {a} 64`] },
      top(`${bio(1, 1)} ${selector} 0 2 1 {way0} 1 {way1} 1`),
    ],
    steps: [
      { do: 'limits' },
      ...load.slice(0, 10),
      ...middle,
      ...load.slice(10, 20),
      ...end,
      ...load.slice(20),
      { do: 'status' },
      { do: 'info' },
    ],
  };
}

/** A path half of which is broken: requests there go the other way, and the path has failed. */
function brokenPaths(random: Random, selector: string): Case {
  const steps: Step[] = [{ do: 'status' }];
  for (let i = 0; i < 14; i++) {
    steps.push(...workload(random, { sectors: SECTORS, steps: 3, longest: 64, kinds: ['read', 'write'] }));
    steps.push({ do: 'status' }, { do: 'info' });
    if (random.chance(40)) steps.push(message('reinstate_path {broken}'));
  }
  return {
    name: `multipath: a broken path of ${selector}`,
    disks: [{ sectors: SECTORS }],
    devices: [
      { name: 'broken', table: ['0 1024 linear {a} 0', '1024 1024 error'] },
      { name: 'whole', table: ['0 2048 linear {a} 0'] },
      top(`${bio(1, 1)} ${selector} 0 2 1 {broken} 1 {whole} 1`),
    ],
    steps,
  };
}

function allBroken(): Case {
  const failing: Step[] = [
    { do: 'read', sector: 0, sectors: 8 },
    { do: 'status' },
    { do: 'write', sector: 1020, sectors: 8 },
    { do: 'status' },
    { do: 'info' },
  ];
  return {
    name: 'multipath: no path left',
    disks: [{ sectors: SECTORS }],
    devices: [
      { name: 'one', table: ['0 1024 linear {a} 0', '1024 1024 error'] },
      { name: 'two', table: ['0 1024 linear {a} 0', '1024 1024 error'] },
      top(`${bio(2, 1)} round-robin 0 1 1 {one} 1 round-robin 0 1 1 {two} 1`),
    ],
    steps: [
      ...failing,
      { do: 'read', sector: 0, sectors: 8 },
      { do: 'write', sector: 0, sectors: 8 },
      { do: 'flush' },
      { do: 'discard', sector: 0, sectors: 8 },
      { do: 'status' },
      { do: 'suspend', flush: false },
      { do: 'status' },
      { do: 'resume' },
      message('reinstate_path {two}'),
      { do: 'status' },
      { do: 'flush' },
      ...failing,
      message('reinstate_path {one}'),
      { do: 'read', sector: 0, sectors: 8 },
      { do: 'status' },
      { do: 'info' },
      ...withoutFlush(`${bio(1, 1)} round-robin 0 1 0 {a}`),
    ],
  };
}

function throughputs(): Case {
  return {
    name: 'multipath: throughputs of service-time',
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top(`${bio(1, 1)} service-time 0 3 2 {a} 1 0 {b} 1 5 {c} 1 5`)],
    steps: [
      { do: 'status' },
      ...reads(4),
      message('fail_path {b}'),
      ...reads(2),
      message('fail_path {c}'),
      ...reads(2),
      { do: 'flush' },
      message('reinstate_path {b}'),
      ...reads(2),
      { do: 'load', table: line(`${bio(1, 1)} service-time 0 3 2 {a} 1 3 {b} 1 100 {c} 0 4`) },
      { do: 'resume' },
      { do: 'table' },
      { do: 'status' },
      ...reads(3),
      message('fail_path {b}'),
      ...reads(3),
    ],
  };
}

/** Features in any order, known and as the kernel orders them. */
function features(random: Random, number: number): Case {
  const words = random
    .shuffle([
      'queue_mode bio',
      ...(random.chance(50) ? ['queue_if_no_path'] : []),
      ...(random.chance(50) ? ['retain_attached_hw_handler'] : []),
      ...(random.chance(60) ? [`pg_init_retries ${random.between(1, 50)}`] : []),
      ...(random.chance(60) ? [`PG_INIT_DELAY_MSECS ${random.between(0, 60_000)}`] : []),
    ])
    .join(' ');
  const count = words.split(' ').length;
  const handler = random.pick(['0', '1 alua', '2 emc 1']);
  const repeat = random.pick(['0', '1', '1000', '99999999999']);
  return {
    name: `multipath: features ${number}`,
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }],
    devices: [
      top(`${count} ${words} ${handler} 1 1 ${random.pick(SELECTORS)} 0 2 1 {a} ${repeat} {b} ${repeat}`),
    ],
    steps: [
      { do: 'table' },
      { do: 'status' },
      { do: 'info' },
      { do: 'limits' },
      ...reads(3),
      { do: 'status' },
      message('queue_if_no_path'),
      { do: 'table' },
      message('FAIL_IF_NO_PATH'),
      { do: 'table' },
      { do: 'info' },
      ...reads(1),
    ],
  };
}

function initialGroups(): Case {
  const two = 'round-robin 0 1 0 {a} queue-length 0 1 0 {b}';
  const steps = [1, 2, 3, 1024].flatMap((initial): Step[] => [
    { do: 'load', table: line(`${bio(2, initial)} ${two}`) },
    { do: 'resume' },
    { do: 'table' },
    { do: 'status' },
    { do: 'flush' },
    { do: 'status' },
    ...reads(1),
    message('disable_group 1'),
    { do: 'status' },
    message('switch_group 1'),
    { do: 'table' },
  ]);
  return {
    name: 'multipath: the group to begin with',
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top(`${bio(2, 2)} ${two}`)],
    steps,
  };
}

function mixedBlockSizes(): Case {
  return {
    name: 'multipath: paths with different blocks',
    disks: [{ sectors: SECTORS, blockSize: 4096 }, { sectors: SECTORS }],
    devices: [top(`${bio(1, 1)} round-robin 0 2 0 {b} {a}`)],
    steps: [
      { do: 'limits' },
      { do: 'read', sector: 0, sectors: 1 },
      { do: 'read', sector: 8, sectors: 8 },
      { do: 'write', sector: 16, sectors: 8 },
      { do: 'load', table: [`0 ${SECTORS - 4} multipath ${bio(1, 1)} round-robin 0 2 0 {b} {a}`] },
      { do: 'load', table: [`0 ${SECTORS + 8} multipath ${bio(1, 1)} round-robin 0 2 0 {b} {a}`] },
      { do: 'load', table: [`0 ${SECTORS - 4} multipath ${bio(1, 1)} round-robin 0 1 0 {b}`] },
      { do: 'resume' },
      { do: 'limits' },
      { do: 'info' },
    ],
  };
}

function suspensions(): Case {
  const around = (flush: boolean): Step[] => [
    { do: 'suspend', flush },
    { do: 'table' },
    { do: 'status' },
    message('fail_path {a}'),
    message('queue_if_no_path'),
    message('nonsense'),
    { do: 'resume' },
    { do: 'table' },
    { do: 'status' },
    ...reads(2),
  ];
  return {
    name: 'multipath: suspensions',
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top('3 queue_mode bio queue_if_no_path 0 1 1 round-robin 0 2 1 {a} 1 {b} 1')],
    steps: [
      ...reads(1),
      ...around(true),
      ...around(false),
      message('fail_if_no_path'),
      ...around(true),
      message('fail_path {a}'),
      { do: 'load', table: line(`${bio(1, 1)} round-robin 0 2 1 {a} 1 {b} 1`) },
      { do: 'table' },
      { do: 'status' },
      { do: 'resume' },
      { do: 'status' },
      ...reads(2),
      { do: 'info' },
    ],
  };
}

/** Another table, for a device that cannot flush. */
function withoutFlush(args: string): Step[] {
  return [{ do: 'suspend', flush: false }, { do: 'load', table: line(args) }, { do: 'resume' }];
}

function withoutGroups(): Case {
  return {
    name: 'multipath: no group at all',
    disks: [{ sectors: SECTORS }],
    devices: [top('2 queue_mode bio 0 0 0')],
    steps: [
      { do: 'table' },
      { do: 'status' },
      { do: 'info' },
      ...reads(1),
      { do: 'status' },
      message('switch_group 1'),
      message('disable_group 0'),
      message('fail_path {a}'),
      message('queue_if_no_path'),
      { do: 'table' },
      message('fail_if_no_path'),
      ...withoutFlush(`${bio(1, 1)} queue-length 0 1 0 {a}`),
      { do: 'limits' },
      ...reads(1),
      ...withoutFlush('3 queue_mode bio queue_if_no_path 0 0 0'),
      { do: 'limits' },
      { do: 'table' },
      ...withoutFlush(`${bio(1, 1)} queue-length 0 1 0 {a}`),
      ...reads(1),
    ],
  };
}

/** Alone in its table, and no other type after it. */
function replacements(): Case {
  const one = `0 ${SECTORS} multipath ${bio(1, 1)} round-robin 0 1 0 {a}`;
  return {
    name: 'multipath: replacements',
    disks: [{ sectors: 2 * SECTORS }, { sectors: SECTORS }],
    devices: [{ name: 'top', table: [`0 ${SECTORS} linear {b} 0`] }],
    steps: [
      ...reads(1),
      { do: 'load', table: [one, `${SECTORS} 8 zero`] },
      { do: 'load', table: [one] },
      { do: 'info' },
      { do: 'resume' },
      ...reads(1),
      { do: 'load', table: [`0 ${SECTORS} linear {b} 0`] },
      { do: 'load', table: [`0 ${SECTORS} multipath ${bio(1, 1)} queue-length 0 1 0 {b}`] },
      { do: 'resume' },
      ...reads(1),
      { do: 'load', table: [`0 ${SECTORS} error`] },
      { do: 'resume' },
      ...reads(1),
      { do: 'load', table: [one], readOnly: true },
      { do: 'resume' },
      { do: 'info' },
      ...reads(1),
      { do: 'write', sector: 0, sectors: 8 },
    ],
  };
}

/** What stands before the groups: bio based, as no other mode takes mapped devices below. */
export function bio(count: number, initial: number): string {
  return `2 queue_mode bio 0 ${count} ${initial}`;
}

export function line(args: string): string[] {
  return [`0 ${SECTORS} multipath ${args}`];
}

export function top(args: string): MappedSpec {
  return { name: 'top', table: line(args) };
}

export function message(words: string): Step {
  return { do: 'message', sector: 0, words };
}

export function reads(count: number): Step[] {
  return Array.from({ length: count }, () => ({ do: 'read', sector: 40, sectors: 8 }) as const);
}

/** Each of which is one request to the target there as well as here. */
function requests(random: Random, count: number): Step[] {
  return Array.from({ length: count }, (): Step => {
    const sector = random.between(0, SECTORS / 8 - 1) * 8;
    const kind = random.pick(['read', 'read', 'read', 'write', 'flush', 'discard'] as const);
    return kind === 'flush' ? { do: kind } : { do: kind, sector, sectors: 8 };
  });
}
