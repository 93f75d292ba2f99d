/** What `stats help` says, in the shape that dmstats has it. */
export function statsUsage(program: string): string {
  return [
    'Usage:',
    '',
    `${program} stats`,
    ...GENERAL.map((line) => `        ${line}`),
    '',
    ...COMMANDS.map((line) => `\t${line}`),
    '',
    ...NOTES,
    '',
  ].join('\n');
}

const GENERAL = [
  '[-h|--help [-c|-C|--columns]] [--json]',
  '[-v|--verbose [-v|--verbose ...]]',
  '[--programid <id>|--allprograms] [--units <units>]',
  '[-o <fields>] [-O|--sort <sort_fields>] [-S|--select <selection>]',
];

const REGION = '{--allregions|--regionid <id>}';
const WHERE = '{--alldevices|<device>...}';

const COMMANDS = [
  `clear ${REGION} [<device>...]`,
  'create [--start <start>] [--length <length>] [--areas <number>|--areasize <size>]',
  '    [--segments [--nogroup] [--alias <name>]] [--precise] [--bounds <bounds>]',
  `    [--userdata <data>] [-f|--force] ${WHERE}`,
  `delete {--allregions|--regionid <id>|--groupid <id>} ${WHERE}`,
  `group --regions <list> [--alias <name>] ${WHERE}`,
  'help [-c|-C|--columns]',
  'list [--area] [--region] [--group] [--histogram] [--notimesuffix] [<device>...]',
  `print [--clear] ${REGION} [<device>...]`,
  'report [--interval <seconds>] [--count <number>] [--area] [--region] [--group]',
  '    [--histogram [--relative]] [--notimesuffix] [<device>...]',
  `ungroup --groupid <id> ${WHERE}`,
  'version',
];

const NOTES = [
  'A <start>, <length> or <size> is in sectors, or in the unit behind it: b, s, k, m, g, t, p, e;',
  'capitals count in 1000. <units>: one of these, h for the largest that fits.',
  'The <bounds> of a histogram are nanoseconds, or in the unit behind each: ns, us, ms, s.',
  'A <list> of regions: 0,4-6. Regions of other programs than "dmstats" are left alone unless',
  '--programid or --allprograms says otherwise.',
  'The <fields> of list and report are listed by "stats help -c".',
];
