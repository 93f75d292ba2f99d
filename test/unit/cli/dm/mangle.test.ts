import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameMangling } from '../../../../src/cli/dm/mangle.ts';

const auto = new NameMangling('auto');
const hex = new NameMangling('hex');
const none = new NameMangling('none');

/** What stock dmsetup named devices under Linux. */
describe('names of mapped devices', () => {
  it.each([
    ['plain', 'plain'],
    ['all+-.:=@_#9', 'all+-.:=@_#9'],
    ['sp ace', 'sp\\x20ace'],
    ['sp\\x20ace', 'sp\\x20ace'],
    ['a\\b c', 'a\\x5cb\\x20c'],
    ['a\\', 'a\\x5c'],
    ['a\\X20', 'a\\x5cX20'],
    ['a\\x2g', 'a\\x2g'],
    ['a\\x5c', 'a\\x5c'],
    ['a\\x5Cx20', 'a\\x5Cx20'],
    ['a~,%', 'a\\x7e\\x2c\\x25'],
    ['ü', '\\xc3\\xbc'],
  ])('%j is mangled as %j', (name, mangled) => {
    expect(auto.toDevice(name)).toBe(mangled);
  });

  it.each(['a\\x20b c', 'a\\x2', '\\x', 'a\\x20\\', 'a\\x20b\\x'])('%j is neither', (name) => {
    expect(() => auto.toDevice(name)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `The name "${name}" contains mixed mangled and unmangled characters or it's already mangled improperly.\nFailed to mangle device name "${name}".`,
      }) as Error,
    );
  });

  it.each(['a\\x5cx20b', 'a\\x5cx2', 'a\\x5cxzz'])('%j seems to be mangled twice', (name) => {
    expect(() => auto.toDevice(name, 'new name')).toThrow(/^The new name ".*" seems to be mangled more than/);
  });

  it('are mangled whatever they are with hex, and never with none', () => {
    expect(hex.toDevice('a\\x20 b')).toBe('a\\x5cx20\\x20b');
    expect(none.toDevice('a\\x20 b')).toBe('a\\x20 b');
    expect(none.shown('a\\x20b')).toBe('a\\x20b');
  });

  it('have 127 bytes at most, uuids 128', () => {
    const long = 'x'.repeat(127);
    expect(auto.toDevice(long)).toBe(long);
    expect(auto.toDevice(`${long}x`, 'UUID')).toBe(`${long}x`);
    expect(() => auto.toDevice(`${long}x`)).toThrow(`Name "${long}x" too long.`);
    expect(() => auto.toDevice(`${long}xx`, 'UUID')).toThrow('Mangled form of the UUID too long');
    expect(() => auto.toDevice(`${'x'.repeat(120)}~~`)).toThrow('Mangled form of the name too long');
  });

  it('are shown as they were typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 7 }), (name) => {
        expect(hex.shown(hex.toDevice(name))).toBe(name);
        if (!name.includes('\\x')) expect(auto.shown(auto.toDevice(name))).toBe(name);
      }),
    );
  });

  it('are shown as they are where no mangling explains them', () => {
    expect(auto.shown('raw name')).toBe('raw name');
    expect(auto.shown('a\\xffb')).toBe('a\\xffb');
    expect(auto.shown('a\\xzz')).toBe('a\\xzz');
    expect(auto.isMangled('raw name')).toBe(false);
    expect(auto.isMangled('raw\\x20name')).toBe(true);
  });
});
