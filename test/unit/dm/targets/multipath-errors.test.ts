import { expect, it } from 'vitest';
import { isLost, isPathError } from '../../../../src/dm/targets/multipath/path-errors.ts';
import { TscryptError } from '../../../../src/errors.ts';
import { failure } from './multipath-support.ts';

it.each([
  [failure('ETIMEDOUT', 'CONNECTION_LOST'), true, true],
  [failure('ECONNREFUSED', 'CONNECTION_LOST'), true, true],
  [new TscryptError('PROTOCOL_ERROR', 'nonsense'), true, true],
  [failure('EBADF', 'INVALID_ARGUMENT'), true, true],
  [failure('EPIPE'), true, true],
  [failure('EIO'), true, false],
  [failure('ETIMEDOUT'), true, false],
  [failure('ENOMEM', 'OUT_OF_MEMORY'), true, false],
  [failure('EINVAL', 'INVALID_ARGUMENT'), false, false],
  [failure('ENOSPC', 'NO_SPACE'), false, false],
  [new TscryptError('NOT_SUPPORTED', 'cannot'), false, false],
  [new TscryptError('READ_ONLY', 'must not'), false, false],
  [new TscryptError('INTEGRITY_ERROR', 'wrong tag'), false, false],
  // A defect, which no other path would be without.
  [new TypeError('undefined is not a function'), false, false],
])('%s: another path may serve it: %s; the device must be opened anew: %s', (error, path, lost) => {
  expect([isPathError(error), isLost(error)]).toEqual([path, lost]);
});
