import type { DaemonInfo, DaemonsInfo, Restarted } from '../daemon/daemons.ts';

const STATES: Readonly<Record<DaemonInfo['state'], string>> = {
  serving: 'supervised',
  ending: 'ending',
  recovering: 'being replaced',
  waiting: 'waiting for a successor',
  discarding: 'given up',
  unsupervised: 'not supervised',
};

/** `tscrypt daemon status`: a line a daemon, and one for the supervisor. */
export function daemonsText({ supervisor, daemons }: DaemonsInfo): string {
  if (daemons.length === 0) return 'No daemon runs.';
  const lines = daemons.map(({ pid, state, common, devices, failures, lastError }) => {
    const notes = [
      STATES[state],
      ...(common ? ['common'] : []),
      ...(failures > 0 ? [`${failures} failure${failures === 1 ? '' : 's'} in the last minute`] : []),
    ];
    const said = lastError === undefined ? '' : `\n  ${lastError}`;
    return `${pid}: ${devices.join(' ')} (${notes.join(', ')})${said}`;
  });
  return [...lines, supervisor === undefined ? 'No supervisor runs.' : `Supervisor: ${supervisor}`].join(
    '\n',
  );
}

/** `tscrypt daemon restart`: a line a daemon. */
export function restartedText(restarted: readonly Restarted[]): string {
  return restarted.map(({ from, to, devices }) => `${from} -> ${to}: ${devices.join(' ')}`).join('\n');
}
