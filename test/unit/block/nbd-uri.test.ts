import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNbdUri, type NbdUri, parseNbdUri } from '../../../src/block/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { codeOf } from '../../suites/block-device.ts';

describe('NBD URIs', () => {
  // NetworkBlockDevice/nbd, doc/uri.md, "NBD URI export name".
  it.each([
    ['nbd://example.com/disk', 'disk'],
    ['nbd://example.com/', ''],
    ['nbd://example.com', ''],
    ['nbd://example.com//disk', '/disk'],
    ['nbd://example.com/hello%20world', 'hello world'],
    ['nbd://example.com/a/../b+c', 'a/../b+c'],
  ])('%s names the export "%s"', (uri, exportName) => {
    expect(parseNbdUri(uri)).toEqual({
      tls: false,
      address: { host: 'example.com', port: 10809 },
      exportName,
    });
  });

  it('knows sockets, ports, IPv6 and TLS', () => {
    expect(parseNbdUri('nbd+unix:///disk?socket=/run/a+b%20c/s.sock')).toEqual({
      tls: false,
      address: { socket: '/run/a+b c/s.sock' },
      exportName: 'disk',
    });
    expect(parseNbdUri('nbds+unix:///?socket=sock&tls-hostname=host')).toEqual({
      tls: true,
      address: { socket: 'sock' },
      exportName: '',
      tlsHostname: 'host',
    });
    expect(parseNbdUri('NBDS://[2001:db8::1]:4711/x')).toMatchObject({
      tls: true,
      address: { host: '2001:db8::1', port: 4711 },
    });
    expect(parseNbdUri('nbd:///x')).toMatchObject({ address: { host: 'localhost', port: 10809 } });
  });

  it.each([
    'http://example.com/',
    'nbd://host:0/x',
    'nbd://host:65536/x',
    'nbd://user@host/x',
    'nbd://host/x?socket=/s',
    'nbd+unix:///x',
    'nbd+unix://host/x?socket=/s',
    'nbd+unix:///x?socket=/s&other=1',
    'nbd://host/%zz',
    'nbd://host/%00',
    'nbd://host/x#fragment',
    '/dev/sda',
    '',
  ])('refuses %j', async (text) => {
    expect(await codeOf(() => parseNbdUri(text))).toBe('INVALID_ARGUMENT');
  });

  it('come back as they were printed', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !value.includes('\0'));
    const uri: fc.Arbitrary<NbdUri> = fc.record({
      tls: fc.boolean(),
      address: fc.oneof(
        fc.record({ socket: text.filter((value) => value !== '') }),
        fc.record({
          host: fc.oneof(fc.domain(), fc.ipV4(), fc.constant('::1')),
          port: fc.integer({ min: 1, max: 65535 }),
        }),
      ),
      exportName: text,
    });
    fc.assert(
      fc.property(uri, (value) => {
        expect(parseNbdUri(formatNbdUri(value))).toEqual(value);
      }),
    );
  });

  it('never fail with anything but INVALID_ARGUMENT', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((rest) => `nbd://${rest}`),
        ),
        (text) => {
          try {
            parseNbdUri(text);
          } catch (error) {
            expect(error).toBeInstanceOf(TscryptError);
            expect((error as TscryptError).code).toBe('INVALID_ARGUMENT');
          }
        },
      ),
    );
  });
});
