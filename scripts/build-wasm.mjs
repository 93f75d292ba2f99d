// Assembles the WebAssembly text of the crypto engines into the base64 module that is committed beside it.
//   node scripts/build-wasm.mjs           writes it
//   node scripts/build-wasm.mjs --check   fails when the committed module is not what the text gives
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const folder = new URL('../src/crypto/engines/vector/', import.meta.url);
const source = new URL('vector.wat', folder);
const target = new URL('vector-wasm.ts', folder);

/**
 * The sign bits of words 1 and 3 become masks (by 32-bit arithmetic shifts, for which every CPU has an instruction):
 * word 3's selects 0x87 in the low half, word 1's the carry into the high half, from $poly.
 */
const double = (_, t) => `
  (local.set $signs (i32x4.shr_s (local.get ${t}) (i32.const 31)))
  (local.set ${t}
    (v128.xor
      (i64x2.shl (local.get ${t}) (i32.const 1))
      (v128.and
        (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
        (local.get $poly))))`;

const features = { simd: true };
const text = readFileSync(source, 'utf8').replace(/^ *\(@double (\$\w+)\)$/gm, double);
const { parseWat } = await wabt();
const module = parseWat('vector.wat', text, features);
module.resolveNames();
module.validate(features);
const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
module.destroy();

const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`);
const typescript = `// Made from vector.wat by scripts/build-wasm.mjs; not to be edited.
export const VECTOR_WASM =
${lines.join(' +\n')};
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== typescript) {
    console.error(`${fileURLToPath(target)} is not what vector.wat gives; run node scripts/build-wasm.mjs`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, typescript);
}
