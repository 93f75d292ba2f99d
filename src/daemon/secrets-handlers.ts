import { TscryptError } from '../errors.ts';
import { hideKeys } from '../table/index.ts';
import type { DeviceServer } from './device-server.ts';
import { count, flag, optionalFlag, type Parameters, table, tableArgs, text } from './parameters.ts';
import { copyTable } from './secret-values.ts';
import type { SecretsRequest } from './secrets-server.ts';
import type { NewDeviceOrder, StackControl } from './stack-control.ts';

/** The methods of a device's socket for what may have key material in it. */
export function secretsHandler(
  stack: StackControl,
  server: DeviceServer,
): (request: SecretsRequest) => Promise<unknown> {
  const { device } = server;
  const { operations } = stack;
  const methods: Readonly<Record<string, (parameters: Parameters) => Promise<unknown>>> = {
    /** Another device, in the daemon of this one. */
    create: (parameters) => stack.create(parameters as unknown as NewDeviceOrder),
    load: ({ table: lines, readOnly, workingDirectory }) =>
      operations.load(device, table(lines, 'table'), {
        readOnly: optionalFlag(readOnly, 'readOnly'),
        workingDirectory: text(workingDirectory, 'workingDirectory'),
      }),
    message: ({ sector, words }) =>
      operations.change(device, () => device.message(count(sector, 'sector'), tableArgs(words, 'words'))),
    table: async ({ inactive, showKeys }) => {
      const lines = device.table({ inactive: flag(inactive, 'inactive', false) });
      return flag(showKeys, 'showKeys', false) ? copyTable(lines) : hideKeys(lines);
    },
  };
  return async ({ method, params }) => {
    const answer = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (!answer) {
      throw new TscryptError('NOT_SUPPORTED', 'Unknown method.', { details: { field: 'method' } });
    }
    return await answer(params);
  };
}
