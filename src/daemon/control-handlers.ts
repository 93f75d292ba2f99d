import { TscryptError } from '../errors.ts';
import type { ControlHandlers } from './control-server.ts';
import type { DeviceServer } from './device-server.ts';

/** The methods of the control socket. */
export function controlHandlers(server: DeviceServer): ControlHandlers {
  return {
    status: () => server.info,
    table: () => server.table(),
    flush: () => server.flush(),
    suspend: ({ flush }) => server.suspend(flag(flush, 'flush', true)),
    resume: () => server.resume(),
    message: ({ sector, words }) => server.message(sectorNumber(sector), texts(words, 'words')),
    close: async ({ deferred, force, cancelDeferred }) => ({
      closed: await server.close({
        deferred: flag(deferred, 'deferred', false),
        force: flag(force, 'force', false),
        cancelDeferred: flag(cancelDeferred, 'cancelDeferred', false),
      }),
    }),
  };
}

function flag(value: unknown, field: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw wrong(field, 'a boolean');
}

function sectorNumber(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong('sector', 'a sector number');
}

function texts(value: unknown, field: string): string[] {
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value;
  throw wrong(field, 'a list of strings');
}

function wrong(field: string, expected: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `${field} must be ${expected}.`, {
    details: { field, expected },
  });
}
