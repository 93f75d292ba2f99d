import { describe, expect, it } from 'vitest';
import { inPieces } from '../../../src/dm/pieces.ts';
import { Requeue } from '../../../src/dm/target.ts';
import { TscryptError } from '../../../src/errors.ts';
import { failureOf } from './support.ts';

const error = (errno: string): TscryptError => new TscryptError('IO_ERROR', errno, { errno });

describe('a request in pieces', () => {
  it('is cut at multiples of the size, and finishes inline when all pieces do', () => {
    const made: [number, number][] = [];
    expect(inPieces(10, 4, 2, (from, to) => void made.push([from, to]))).toBeUndefined();
    expect(made).toEqual([
      [0, 4],
      [4, 8],
      [8, 10],
    ]);
  });

  it('keeps so many pieces under way and no more', async () => {
    let running = 0;
    let most = 0;
    await inPieces(20, 1, 3, async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    expect(most).toBe(3);
  });

  for (const [name, fail] of [
    ['inline', (failure: TscryptError) => throwNow(failure)],
    ['later', (failure: TscryptError) => Promise.reject(failure)],
  ] as const) {
    it(`makes the others when one fails ${name}, and reports the last failure`, async () => {
      const made: number[] = [];
      const failure = await failureOf(() =>
        inPieces(6, 1, 2, (from) => {
          made.push(from);
          if (from === 1) return fail(error('ENODATA'));
          if (from === 4) return fail(error('EILSEQ'));
          return from % 2 === 0 ? undefined : Promise.resolve();
        }),
      );
      expect(made).toEqual([0, 1, 2, 3, 4, 5]);
      expect(failure?.errno).toBe('EILSEQ');
    });
  }

  it('is given back when one piece is, whatever the others meet', async () => {
    const failures = [error('EIO'), new Requeue(), error('ENODATA')];
    const request = async (): Promise<void> => {
      await inPieces(3, 1, 3, (from) => Promise.reject(failures[from]));
    };
    await expect(request()).rejects.toBeInstanceOf(Requeue);
  });

  it('ends only when the last piece has ended', async () => {
    let ended = false;
    const failure = await failureOf(() =>
      inPieces(2, 1, 2, async (from) => {
        if (from === 0) throw error('EIO');
        await new Promise((resolve) => setImmediate(resolve));
        ended = true;
      }),
    );
    expect(failure?.errno).toBe('EIO');
    expect(ended).toBe(true);
  });
});

function throwNow(failure: TscryptError): never {
  throw failure;
}
