import type { Case, Step } from '../case.ts';
import { bio, line, message, reads, SECTORS, SELECTORS, top } from './multipath.ts';

/** multipath: tables and messages that are refused, and in which words. */
export function cases(): Case[] {
  return [refusedFeatures(), refusedGroups(), refusedSelectors(), refusedMessages()];
}

function refusedFeatures(): Case {
  return refused('features', [
    '',
    '9',
    'x',
    '-1',
    '+2 queue_mode bio 0 0 0',
    '1',
    '1 nonsense 0 0 0',
    '1 queue_mode 0 0 0',
    '2 queue_mode slow 0 0 0',
    '1 pg_init_retries 0 0 0',
    '2 pg_init_retries 0 0 0 0',
    '2 pg_init_retries 51 0 0 0',
    '2 pg_init_retries x 0 0 0',
    '1 pg_init_delay_msecs 0 0 0',
    '2 pg_init_delay_msecs 60001 0 0 0',
    '2 pg_init_delay_msecs -1 0 0 0',
    '0',
    '0 x 0 0',
    '0 1025 0 0',
    '0 3 alua 0 0',
    '0 0',
    '0 0 x 0',
    '0 0 1025 1',
    '0 0 0',
    '0 0 1 x',
    '0 0 1 1025',
    '0 0 0 1',
    '0 0 1 0',
  ]);
}

function refusedGroups(): Case {
  return refused('groups', [
    `${bio(1, 1)}`,
    `${bio(1, 1)} round-robin`,
    `${bio(1, 1)} nonsense 0`,
    `${bio(1, 1)} ROUND-ROBIN 0 1 0 {a}`,
    `${bio(1, 1)} round-robin x 1 0 {a}`,
    `${bio(1, 1)} round-robin 0`,
    `${bio(1, 1)} round-robin 9 1 0 {a}`,
    `${bio(1, 1)} round-robin 0 0 0`,
    `${bio(1, 1)} round-robin 0 x 0`,
    `${bio(1, 1)} round-robin 0 1025 0`,
    `${bio(1, 1)} round-robin 0 1`,
    `${bio(1, 1)} round-robin 0 1 x {a}`,
    `${bio(1, 1)} round-robin 0 1 1025 {a}`,
    `${bio(1, 1)} round-robin 0 1 0`,
    `${bio(1, 1)} round-robin 0 2 1 {a} 1 {b}`,
    `${bio(1, 1)} round-robin 0 1 0 /dev/nope`,
    `${bio(1, 1)} round-robin 0 1 0 240:7`,
    `${bio(1, 1)} round-robin 0 1 0 {a} more`,
    `${bio(1, 1)} round-robin 0 1 0 {a} more words`,
    `${bio(2, 1)} round-robin 0 1 0 {a}`,
    `${bio(1, 1)} round-robin 0 1 0 {a} round-robin 0 1 0 {b}`,
  ]);
}

function refusedSelectors(): Case {
  const tables = SELECTORS.flatMap((selector) => [
    `${bio(1, 1)} ${selector} 0 1 1 {a} x`,
    `${bio(1, 1)} ${selector} 0 1 1 {a} 1x`,
    `${bio(1, 1)} ${selector} 0 1 1 {a} -1`,
    `${bio(1, 1)} ${selector} 0 1 2 {a} 1 101`,
    `${bio(1, 1)} ${selector} 0 1 2 {a} 1 x`,
    `${bio(1, 1)} ${selector} 0 1 3 {a} 1 1 1`,
  ]);
  return refused('selectors', tables);
}

function refused(what: string, tables: readonly string[]): Case {
  return {
    name: `multipath: refused ${what}`,
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top(`${bio(1, 1)} round-robin 0 2 0 {a} {b}`)],
    steps: [
      ...tables.map((text): Step => ({ do: 'load', table: line(text) })),
      { do: 'info' },
      { do: 'table' },
      ...reads(2),
    ],
  };
}

function refusedMessages(): Case {
  const words = [
    'nonsense',
    'nonsense {a}',
    'nonsense /dev/nope',
    'fail_path',
    'fail_path {c}',
    'fail_path 240:7',
    'fail_path {a} {b}',
    'reinstate_path',
    'reinstate_path 240:7',
    'queue_if_no_path 1',
    'fail_if_no_path now',
    'switch_group',
    'switch_group 0',
    'switch_group 3',
    'switch_group x',
    'switch_group +1',
    'switch_group 1x',
    'switch_group 1 2',
    'disable_group 0',
    'disable_group 3',
    'enable_group',
    'enable_group two',
  ];
  return {
    name: 'multipath: refused messages',
    disks: [{ sectors: SECTORS }, { sectors: SECTORS }, { sectors: SECTORS }],
    devices: [top(`${bio(2, 1)} round-robin 0 1 0 {a} round-robin 0 1 0 {b}`)],
    steps: [
      ...words.flatMap((text): Step[] => [message(text), { do: 'status' }]),
      { do: 'info' },
      { do: 'message', sector: SECTORS, words: 'fail_path {a}' },
      message('switch_group 02'),
      message('FAIL_PATH {a}'),
      message('fail_path {a}'),
      message('reinstate_path {b}'),
      { do: 'status' },
      { do: 'info' },
    ],
  };
}
