import { describe, expect, it } from 'vitest';
import { IoctlFailure, type IoctlVerb } from '../../../../src/cli/dm/failure.ts';
import { MappedDevice } from '../../../../src/dm/index.ts';
import { TscryptError } from '../../../../src/errors.ts';
import { parseTable } from '../../../../src/table/index.ts';

const EINVAL = 'Invalid argument';

/** What the device mapper says of a table. */
async function refusal(table: string): Promise<TscryptError> {
  const made = MappedDevice.create({
    name: 'd',
    table: parseTable(table),
    openDevice: async (name) => {
      throw new TscryptError('NO_SUCH_DEVICE', `${name} is not there`, { errno: 'ENOENT' });
    },
  });
  const error = await made.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (error instanceof TscryptError) return error;
  throw new Error('it was taken');
}

describe('a device that refuses', () => {
  it.each([
    ['0 8 linear', 'linear: Invalid argument count (-EINVAL)', EINVAL],
    [
      '0 8 linear /dev/x 0',
      'linear: Device lookup failed: /dev/x is not there (-ENOENT)',
      'No such file or directory',
    ],
    ['0 8 zero\n9 8 zero', 'zero: Gap in table (-EINVAL)', EINVAL],
    ['0 0 zero', 'zero-length target', EINVAL],
    ['0 8 bogus', 'bogus: unknown target type', EINVAL],
  ])('the table %j says why, as the kernel would in its log', async (table, reason, error) => {
    const failure = new IoctlFailure('reload', { name: 'd' }, await refusal(table), '4095:3');
    expect(failure.lines).toEqual([
      `device-mapper: table: 4095:3: ${reason}`,
      `device-mapper: reload ioctl on d  failed: ${error}`,
    ]);
  });

  it.each<[IoctlVerb, TscryptError, string[]]>([
    [
      'remove',
      new TscryptError('NO_SUCH_DEVICE', 'x'),
      ['remove ioctl on d  failed: No such device or address'],
    ],
    [
      'create',
      new TscryptError('DEVICE_EXISTS', 'x'),
      ['create ioctl on d  failed: Device or resource busy'],
    ],
    ['remove', new TscryptError('DEVICE_BUSY', 'x'), ['remove ioctl on d  failed: Device or resource busy']],
    [
      'message',
      new TscryptError('INVALID_ARGUMENT', 'Target message sector outside device.'),
      ['ioctl: Target message sector outside device.', `message ioctl on d  failed: ${EINVAL}`],
    ],
    [
      'remove',
      new TscryptError('IO_ERROR', 'Cannot flush', { errno: 'ENOSPC' }),
      ['ioctl: Cannot flush', 'remove ioctl on d  failed: No space left on device'],
    ],
    [
      'reload',
      new TscryptError('INVALID_ARGUMENT', 'no targets specified'),
      ['ioctl: populate_table: no targets specified', `reload ioctl on d  failed: ${EINVAL}`],
    ],
  ])('%s says %s', (verb, cause, lines) => {
    const said = lines.map((line) => `device-mapper: ${line}`);
    expect(new IoctlFailure(verb, { name: 'd' }, cause).lines).toEqual(said);
  });

  it('is called as it was addressed', () => {
    const cause = new TscryptError('NO_SUCH_DEVICE', 'x');
    const called = (address: ConstructorParameters<typeof IoctlFailure>[1]) =>
      new IoctlFailure('table', address, cause).lines[0]?.replace(/^.* on (.*) failed: .*$/, '$1');
    expect(called({ name: 'd' })).toBe('d ');
    expect(called({ uuid: 'U' })).toBe(' U');
    expect(called({ numbers: { major: 4095, minor: 0 } })).toBe(' (4095:0)');
    expect(called({ name: 'd', uuid: 'U', numbers: { major: 4095, minor: 7 } })).toBe('d U(4095:7)');
  });
});
