import { describe, expect, it } from 'vitest';
import { TscryptError } from '../../../../src/errors.ts';
import { failureAnswer } from '../../../../src/export/ublk/answers.ts';

describe('what the driver is told of a failure', () => {
  it.each([
    [new TscryptError('INTEGRITY_ERROR', ''), -84],
    [new TscryptError('NO_SPACE', ''), -28],
    [new TscryptError('IO_ERROR', ''), -5],
    [new TscryptError('IO_ERROR', '', { errno: 'ENODATA' }), -61],
    [new TscryptError('NOT_SUPPORTED', ''), -95],
    [new TscryptError('IO_ERROR', '', { errno: 'ENOSUCHTHING' }), -5],
    [new Error('a defect'), -5],
    [undefined, -5],
  ])('%j is %i', (error, answer) => {
    expect(failureAnswer(error)).toBe(answer);
  });
});
