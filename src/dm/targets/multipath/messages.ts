import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { refuse } from '../arguments.ts';
import type { PathGroups, PriorityGroup } from './groups.ts';
import type { Path } from './paths.ts';

/** What messages can do to a target. */
export interface MessageReceiver {
  readonly suspended: boolean;
  readonly groups: PathGroups;
  isNamed(path: Path, name: string): boolean;
  setQueueIfNoPath(queue: boolean): void;
  failPath(path: Path): void;
  reinstatePath(path: Path): MaybePromise<void>;
  raiseEvent(): void;
}

/**
 * `queue_if_no_path`, `fail_if_no_path`, `fail_path` and `reinstate_path` with a device, `disable_group`,
 * `enable_group` and `switch_group` with a number
 * (Documentation/admin-guide/device-mapper; dm-mpath's `multipath_message`).
 *
 * @returns ''
 * @throws TscryptError DEVICE_BUSY while suspended, INVALID_ARGUMENT
 */
export function receiveMessage(target: MessageReceiver, words: readonly TableArg[]): MaybePromise<string> {
  if (target.suspended) throw new TscryptError('DEVICE_BUSY', 'The multipath target is suspended.');
  const [command = '', argument = ''] = words.map((word) => (typeof word === 'string' ? word : ''));
  const name = command.toLowerCase();
  if (words.length === 1 && (name === 'queue_if_no_path' || name === 'fail_if_no_path')) {
    target.setQueueIfNoPath(name === 'queue_if_no_path');
    return '';
  }
  if (words.length !== 2) {
    return refuse(`Invalid multipath message arguments. Expected 2 arguments, got ${words.length}.`);
  }
  switch (name) {
    case 'fail_path':
      for (const path of pathsNamed(target, argument)) target.failPath(path);
      return '';
    case 'reinstate_path':
      return reinstate(target, pathsNamed(target, argument));
    case 'disable_group':
    case 'enable_group':
      target.groups.bypass(groupNumbered(target, argument, 'bypass_pg'), name === 'disable_group');
      target.raiseEvent();
      return '';
    case 'switch_group':
      target.groups.switchTo(groupNumbered(target, argument, 'switch_pg_num'));
      target.raiseEvent();
      return '';
    default:
      return refuse(`Unrecognised multipath message received: ${command}`);
  }
}

async function reinstate(target: MessageReceiver, paths: readonly Path[]): Promise<string> {
  for (const path of paths) await target.reinstatePath(path);
  return '';
}

/** Every path to the device. */
function pathsNamed(target: MessageReceiver, name: string): readonly Path[] {
  const paths = target.groups.paths.filter((path) => target.isNamed(path, name));
  return paths.length > 0 ? paths : refuse(`message: error getting device ${name}`);
}

function groupNumbered(target: MessageReceiver, text: string, action: string): PriorityGroup {
  const group = /^\d+$/.test(text) ? target.groups.groups[Number(text) - 1] : undefined;
  return group ?? refuse(`invalid PG number supplied to ${action}`);
}
