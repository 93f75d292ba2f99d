import type { ControlHandlers } from './control-server.ts';
import type { DeviceServer } from './device-server.ts';
import { count, flag, tableArgs, text } from './parameters.ts';
import type { StackControl } from './stack-control.ts';

/** The methods of a device's control socket: all that has no key material in it. */
export function controlHandlers(stack: StackControl, server: DeviceServer): ControlHandlers {
  const { device } = server;
  return {
    status: () => server.inspect(),
    targets: () => device.status(),
    flush: () => device.flush(),
    suspend: ({ flush }) => device.suspend({ flush: flag(flush, 'flush', true) }),
    resume: async ({ flush }) => {
      await device.resume({ flush: flag(flush, 'flush', true) });
      await server.kernel.tableChanged();
    },
    clear: () => device.clear(),
    wipeTable: ({ flush }) => stack.wipeTable(device, flag(flush, 'flush', true)),
    rename: ({ to }) => stack.rename(device, text(to, 'to')),
    setUuid: ({ uuid }) => stack.setUuid(device, text(uuid, 'uuid')),
    setGeometry: ({ cylinders, heads, sectors, start }) => {
      server.geometry = {
        cylinders: count(cylinders, 'cylinders'),
        heads: count(heads, 'heads'),
        sectors: count(sectors, 'sectors'),
        start: count(start, 'start'),
      };
    },
    message: ({ sector, words }) => device.message(count(sector, 'sector'), tableArgs(words, 'words')),
    wait: async ({ known }) => {
      await device.waitForEvent(known === undefined ? device.info.eventNumber : count(known, 'known'));
      return server.info;
    },
    close: async ({ deferred, force, cancelDeferred }) => ({
      closed: await server.close({
        deferred: flag(deferred, 'deferred', false),
        force: flag(force, 'force', false),
        cancelDeferred: flag(cancelDeferred, 'cancelDeferred', false),
      }),
    }),
  };
}
