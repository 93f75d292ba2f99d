import { describe, expect, it } from 'vitest';
import { formatCipherSpec, isNullCipher, parseCipherSpec } from '../../../src/crypto/index.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('parseCipherSpec', () => {
  it.each([
    ['aes-xts-plain64', 'aes', 1, 'xts', 'plain64', undefined, false],
    ['aes-cbc-essiv:sha256', 'aes', 1, 'cbc', 'essiv', 'sha256', false],
    ['aes-cbc-essiv:sha3-256', 'aes', 1, 'cbc', 'essiv', 'sha3-256', false],
    ['aes', 'aes', 1, 'cbc', 'plain', undefined, false],
    ['aes-plain', 'aes', 1, 'cbc', 'plain', undefined, false],
    ['aes:64-cbc-lmk', 'aes', 64, 'cbc', 'lmk', undefined, false],
    ['aes:1-xts-plain64', 'aes', 1, 'xts', 'plain64', undefined, false],
    ['aes-ecb', 'aes', 1, 'ecb', undefined, undefined, false],
    ['cipher_null-ecb', 'cipher_null', 1, 'ecb', undefined, undefined, false],
    ['cipher_null', 'cipher_null', 1, 'ecb', undefined, undefined, false],
    ['null', 'cipher_null', 1, 'ecb', undefined, undefined, false],
    ['xchacha12,aes-adiantum-plain64', 'xchacha12,aes', 1, 'adiantum', 'plain64', undefined, false],
    ['capi:xts(aes)-plain64', 'aes', 1, 'xts', 'plain64', undefined, true],
    ['capi:cbc(aes)-essiv:sha256', 'aes', 1, 'cbc', 'essiv', 'sha256', true],
    ['capi:ecb(cipher_null)', 'cipher_null', 1, 'ecb', undefined, undefined, true],
  ])('%s', (text, cipher, keyCount, mode, iv, ivOptions, capi) => {
    expect(parseCipherSpec(text)).toEqual({ cipher, keyCount, mode, iv, ivOptions, capi });
  });

  it.each([
    '',
    '-',
    'aes-xts',
    'aes-cbc',
    'aes-xts-',
    'aes-cbc-essiv',
    'aes-cbc-essiv:',
    'aes:3-cbc-plain64',
    'aes:0-cbc-plain64',
    'aes:-cbc-plain64',
    'aes:2x-cbc-plain64',
    'aes:99999999999-cbc-plain64',
    'aes-xts-plain64-more',
    'AES-XTS-PLAIN64',
    'aes xts plain64',
    'capi:',
    'capi:xts(aes)',
    'capi:cbc(aes)-essiv',
    'capi:xts(aes',
  ])('refuses %j', (text) => {
    expect(() => parseCipherSpec(text)).toThrowError(code('INVALID_ARGUMENT'));
  });

  it.each([
    'capi:authenc(hmac(sha256),xts(aes))-random',
    'capi:aegis128-random',
    'capi:essiv(cbc(aes),sha256)-plain64',
  ])('knows that %s is for later', (text) => {
    expect(() => parseCipherSpec(text)).toThrowError(code('NOT_SUPPORTED'));
  });
});

describe('formatCipherSpec', () => {
  it.each([
    ['aes-xts-plain64', 'aes-xts-plain64'],
    ['aes', 'aes-cbc-plain'],
    ['aes:1-xts-plain64', 'aes-xts-plain64'],
    ['aes:64-cbc-lmk', 'aes:64-cbc-lmk'],
    ['null', 'cipher_null-ecb'],
    ['aes-cbc-essiv:sha256', 'aes-cbc-essiv:sha256'],
    ['capi:cbc(aes)-essiv:sha256', 'capi:cbc(aes)-essiv:sha256'],
    ['capi:ecb(aes)', 'capi:ecb(aes)'],
  ])('%s becomes %s', (text, full) => {
    expect(formatCipherSpec(parseCipherSpec(text))).toBe(full);
  });
});

it('knows the cipher that changes nothing', () => {
  expect(isNullCipher(parseCipherSpec('cipher_null-ecb'))).toBe(true);
  expect(isNullCipher(parseCipherSpec('aes-ecb'))).toBe(false);
});
