import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.ts';
import * as nbd from '../../src/block/nbd/protocol.ts';
import { type NbdFixture, serveOnUnixSocket, WAYS } from '../suites/nbd-fixture.ts';
import { infoRequest, metaContextRequest, RawNbdClient, request } from '../suites/nbd-raw.ts';

/**
 * Whatever a client sends, the server answers it or drops it: it goes on serving others, ends the session
 * when the client does, and never makes memory of a length it was merely told.
 */
const SIZE = 256 * 1024;
const RUNS = Number(process.env.FUZZ_RUNS ?? 150);
/** Far below what any length field of the protocol could ask for. */
const MEMORY_GROWTH = 400 * 1024 * 1024;

let fixture: NbdFixture;
let memoryBefore: number;

/** Sends everything, hangs up, and expects the session to be over; then a sane client must be served. */
async function survives(stream: Uint8Array, cut: number): Promise<void> {
  const client = await RawNbdClient.connect(fixture.address);
  for (let at = 0; at < stream.length; at += cut) client.socket.write(stream.subarray(at, at + cut));
  client.socket.end();
  await client.closed();
  const sane = await RawNbdClient.greet(fixture.address);
  await sane.go('disk', false);
  sane.request(nbd.NBD_CMD_READ, 0, 512, { cookie: 7n });
  expect(await sane.simple()).toEqual({ cookie: 7n, error: 0 });
  await sane.take(512);
  sane.request(nbd.NBD_CMD_DISC, 0, 0);
  await sane.closed();
}

const word = fc.oneof(
  fc.constantFrom(
    0,
    1,
    511,
    512,
    4096,
    SIZE,
    SIZE - 512,
    2 ** 25,
    2 ** 25 + 512,
    2 ** 31,
    0xffff_fe00,
    0xffff_ffff,
  ),
  fc.nat(0xffff_ffff),
);
const offset = fc.oneof(
  word.map(BigInt),
  fc.constantFrom(2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 512n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const flags = fc.oneof(fc.constantFrom(0, 1, 2, 4, 8, 16), fc.nat(0xffff));
const command = fc.oneof(fc.nat(9), fc.nat(0xffff));
const payload = fc.uint8Array({ maxLength: 2048 });
const anyRequest = fc
  .tuple(command, offset, word, flags, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), payload)
  .map(([type, at, length, bits, cookie, data]) =>
    Buffer.concat([
      request(type, at, length, { flags: bits, cookie }),
      // A write that is as long as it says, half of the time.
      type === nbd.NBD_CMD_WRITE
        ? length <= 4096 && length % 2 === 0
          ? Buffer.alloc(length, 5)
          : data
        : Buffer.alloc(0),
    ]),
  );
const optionData = fc.oneof(
  payload,
  fc
    .tuple(fc.string(), fc.array(fc.nat(0xffff), { maxLength: 5 }))
    .map(([name, types]) => infoRequest(name, types)),
  fc
    .tuple(fc.constantFrom('disk', ''), fc.array(fc.string(), { maxLength: 5 }))
    .map(([name, queries]) => metaContextRequest(name, queries)),
  fc.constant(infoRequest('disk', [3])),
);
const anyOption = fc
  .tuple(fc.oneof(fc.nat(11), fc.nat(0xffff_ffff)), optionData, fc.oneof(fc.constant(undefined), word))
  .map(([option, data, length]) =>
    Buffer.concat([
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option, length: length ?? data.length }),
      data,
    ]),
  );
const clientFlags = fc.constantFrom(Buffer.from([0, 0, 0, 3]), Buffer.from([0, 0, 0, 1]));
const cut = fc.constantFrom(1_000_000, 4096, 29, 17);

/** A well-formed beginning up to the transmission phase. */
function entered(structured: boolean): Buffer {
  const option = (number: number, data: Uint8Array): Buffer =>
    Buffer.concat([
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: number, length: data.length }),
      data,
    ]);
  return Buffer.concat([
    Buffer.from([0, 0, 0, 3]),
    ...(structured
      ? [
          option(nbd.NBD_OPT_STRUCTURED_REPLY, new Uint8Array(0)),
          option(nbd.NBD_OPT_SET_META_CONTEXT, metaContextRequest('disk', ['base:allocation'])),
        ]
      : []),
    option(nbd.NBD_OPT_GO, infoRequest('disk', [3])),
  ]);
}

function mutate(bytes: Buffer, changes: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [position, value] of changes) copy[position % copy.length] = value;
  return copy;
}

describe.each(WAYS)('the NBD server under fuzzing, %s', (_name, way) => {
  beforeAll(async () => {
    fixture = await serveOnUnixSocket(new MemoryDevice(SIZE), way);
    memoryBefore = process.memoryUsage.rss();
  });
  afterAll(() => fixture.cleanup());

  it('survives noise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), cut, (noise, step) => survives(noise, step)),
      { numRuns: RUNS },
    );
  });

  it('survives any options', async () => {
    await fc.assert(
      fc.asyncProperty(clientFlags, fc.array(anyOption, { maxLength: 8 }), cut, (hello, options, step) =>
        survives(Buffer.concat([hello, ...options]), step),
      ),
      { numRuns: RUNS },
    );
  });

  it('survives any requests', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(anyRequest, { minLength: 1, maxLength: 12 }),
        cut,
        (structured, requests, step) => survives(Buffer.concat([entered(structured), ...requests]), step),
      ),
      { numRuns: RUNS * 2 },
    );
  });

  it('survives sessions with bytes changed anywhere', async () => {
    const session = Buffer.concat([
      entered(true),
      request(nbd.NBD_CMD_READ, 0, 4096),
      request(nbd.NBD_CMD_WRITE, 512, 1024),
      Buffer.alloc(1024, 1),
      request(nbd.NBD_CMD_BLOCK_STATUS, 0, SIZE),
      request(nbd.NBD_CMD_WRITE_ZEROES, 4096, 4096, { flags: nbd.NBD_CMD_FLAG_FUA }),
      request(nbd.NBD_CMD_TRIM, 0, 4096),
      request(nbd.NBD_CMD_FLUSH, 0, 0),
      request(nbd.NBD_CMD_DISC, 0, 0),
    ]);
    const changes = fc.array(fc.tuple(fc.nat(session.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(changes, cut, (edits, step) => survives(mutate(session, edits), step)),
      { numRuns: RUNS * 2 },
    );
  });

  it('held no memory that was only announced', () => {
    expect(process.memoryUsage.rss() - memoryBefore).toBeLessThan(MEMORY_GROWTH);
    expect(fixture.server.connections()).toBe(0);
  });
});
