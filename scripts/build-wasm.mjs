// Assembles the WebAssembly text of the crypto engine into the base64 module that is committed beside it.
//   node scripts/build-wasm.mjs           writes it
//   node scripts/build-wasm.mjs --check   fails when the committed module is not what the text gives
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const folder = new URL('../src/crypto/engines/node/', import.meta.url);
const source = new URL('vector.wat', folder);
const target = new URL('vector-wasm.ts', folder);

const features = { simd: true };
const { parseWat } = await wabt();
const module = parseWat('vector.wat', readFileSync(source, 'utf8'), features);
module.resolveNames();
module.validate(features);
const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
module.destroy();

const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`);
const text = `// Made from vector.wat by scripts/build-wasm.mjs; not to be edited.
export const VECTOR_WASM =
${lines.join(' +\n')};
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(`${fileURLToPath(target)} is not what vector.wat gives; run node scripts/build-wasm.mjs`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
