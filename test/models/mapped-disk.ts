import { createCipheriv, createDecipheriv } from 'node:crypto';

/** A line of the model's table; all numbers are sectors. */
export type ModelLine =
  | { readonly type: 'zero'; readonly length: number }
  | { readonly type: 'linear'; readonly length: number; readonly disk: number; readonly at: number }
  | {
      readonly type: 'crypt';
      readonly length: number;
      readonly disk: number;
      readonly at: number;
      readonly mode: 'xts' | 'cbc';
      readonly key: Uint8Array;
      readonly ivOffset: number;
      /** Sectors of an encryption sector: 1, 2, 4 or 8. */
      readonly unit: number;
      readonly large: boolean;
    };

/**
 * A mapped device as plainly as it can be said: one sector at a time, looked up by walking through the lines, its
 * whole encryption sector decrypted and encrypted with a new cipher each time.
 */
export class MappedDisk {
  readonly #lines: readonly ModelLine[];
  readonly #disks: readonly Uint8Array[];

  constructor(lines: readonly ModelLine[], disks: readonly Uint8Array[]) {
    this.#lines = lines;
    this.#disks = disks;
  }

  read(sector: number): Uint8Array {
    const [line, inLine] = this.#find(sector);
    if (line.type === 'zero') return new Uint8Array(512);
    if (line.type === 'linear') return this.#stored(line.disk, line.at + inLine, 1).slice();
    const first = inLine - (inLine % line.unit);
    const plain = transform(line, first, this.#stored(line.disk, line.at + first, line.unit), false);
    return plain.subarray((inLine - first) * 512, (inLine - first + 1) * 512);
  }

  write(sector: number, content: Uint8Array): void {
    const [line, inLine] = this.#find(sector);
    if (line.type === 'zero') return;
    if (line.type === 'linear') {
      this.#stored(line.disk, line.at + inLine, 1).set(content);
      return;
    }
    const first = inLine - (inLine % line.unit);
    const stored = this.#stored(line.disk, line.at + first, line.unit);
    const plain = transform(line, first, stored, false);
    plain.set(content, (inLine - first) * 512);
    stored.set(transform(line, first, plain, true));
  }

  #find(sector: number): [ModelLine, number] {
    let start = 0;
    for (const line of this.#lines) {
      if (sector < start + line.length) return [line, sector - start];
      start += line.length;
    }
    throw new Error(`no sector ${sector}`);
  }

  #stored(disk: number, sector: number, count: number): Uint8Array {
    return this.#disks[disk]!.subarray(sector * 512, (sector + count) * 512);
  }
}

type CryptLine = Extract<ModelLine, { type: 'crypt' }>;

function transform(line: CryptLine, sector: number, data: Uint8Array, encrypt: boolean): Uint8Array {
  const number = sector + line.ivOffset;
  const iv = Buffer.alloc(16);
  iv.writeBigUInt64LE(BigInt(line.large ? number / line.unit : number));
  const bits = (line.key.length * 8) / (line.mode === 'xts' ? 2 : 1);
  const make = encrypt ? createCipheriv : createDecipheriv;
  const cipher = make(`aes-${bits}-${line.mode}`, line.key, iv).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(data), cipher.final()]));
}
