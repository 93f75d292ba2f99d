import type { ControlHandlers } from './control-server.ts';
import type { DeviceServer } from './device-server.ts';
import { count, flag, tableArgs, text } from './parameters.ts';
import type { StackControl } from './stack-control.ts';

/** The methods of a device's control socket: all that has no key material in it. */
export function controlHandlers(stack: StackControl, server: DeviceServer): ControlHandlers {
  const { device } = server;
  const { operations } = stack;
  return {
    status: () => server.inspect(),
    targets: () => device.status(),
    flush: () => device.flush(),
    suspend: ({ flush }) => operations.suspend(device, { flush: flag(flush, 'flush', true) }),
    resume: ({ flush }) => operations.resume(device, { flush: flag(flush, 'flush', true) }),
    clear: () => operations.clear(device),
    wipeTable: ({ flush }) => operations.wipeTable(device, { flush: flag(flush, 'flush', true) }),
    rename: ({ to }) => operations.rename(device, text(to, 'to')),
    setUuid: ({ uuid }) => operations.setUuid(device, text(uuid, 'uuid')),
    setGeometry: ({ cylinders, heads, sectors, start }) =>
      operations.change(device, () => {
        server.geometry = {
          cylinders: count(cylinders, 'cylinders'),
          heads: count(heads, 'heads'),
          sectors: count(sectors, 'sectors'),
          start: count(start, 'start'),
        };
      }),
    message: ({ sector, words }) =>
      operations.change(device, () => device.message(count(sector, 'sector'), tableArgs(words, 'words'))),
    wait: async ({ known }) => {
      await device.waitForEvent(known === undefined ? device.info.eventNumber : count(known, 'known'));
      return server.info;
    },
    close: async ({ deferred, force, cancelDeferred }) => ({
      closed: await operations.close(device, {
        deferred: flag(deferred, 'deferred', false),
        force: flag(force, 'force', false),
        cancelDeferred: flag(cancelDeferred, 'cancelDeferred', false),
      }),
    }),
    replace: ({ force }) => stack.replace({ force: flag(force, 'force', false) }),
  };
}
