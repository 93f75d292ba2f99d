import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';

/**
 * How values with secrets in them travel between two processes that nobody else can listen to: u32
 * big-endian length, so many bytes of JSON, then the raw bytes of each secret, one behind the other. In the
 * JSON a secret is `{ "secret": length }`. Secrets go straight from one process's secret memory to the
 * other's and are never text.
 */
const LONGEST_JSON = 16 * 1024 * 1024;
const LONGEST_SECRET = 1024 * 1024;
const LENGTH_SIZE = 4;

/** The pieces to send, in order; the secrets' are their live bytes. */
export function encodeFrame(value: unknown): Uint8Array[] {
  const secrets: Uint8Array[] = [];
  const json = Buffer.from(JSON.stringify(marked(value, secrets)) ?? 'null');
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt32BE(json.length);
  return [length, json, ...secrets];
}

function marked(value: unknown, secrets: Uint8Array[]): unknown {
  if (value instanceof Secret) {
    secrets.push(value.bytes);
    return { secret: value.length };
  }
  return mapMembers(value, (member) => marked(member, secrets));
}

/**
 * Takes a frame apart as its bytes arrive: {@link room} says where the next ones belong, {@link filled} how
 * many came. What is secret is read into a secret's own memory.
 */
export class FrameReader {
  #part: Uint8Array = Buffer.alloc(LENGTH_SIZE);
  #done = 0;
  #stage: 'length' | 'json' | 'secrets' | 'complete' = 'length';
  readonly #secrets: Secret[] = [];
  #next = 0;
  #value: unknown;

  /** Where the next bytes go; undefined when the frame is complete. */
  get room(): Uint8Array | undefined {
    return this.#stage === 'complete' ? undefined : this.#part.subarray(this.#done);
  }

  /** The value, once complete. Its secrets are the caller's. */
  get value(): unknown {
    return this.#value;
  }

  /**
   * @param count so many bytes were put at the beginning of {@link room}
   * @throws TscryptError PROTOCOL_ERROR when it is no frame
   */
  filled(count: number): void {
    this.#done += count;
    if (this.#done < this.#part.length) return;
    if (this.#stage === 'length') {
      const length = Buffer.from(this.#part).readUInt32BE();
      if (length === 0 || length > LONGEST_JSON) throw malformedFrame();
      this.#stage = 'json';
      this.#begin(Buffer.alloc(length));
    } else if (this.#stage === 'json') {
      this.#value = this.#revived(parsed(this.#part));
      this.#stage = 'secrets';
    }
    if (this.#stage === 'secrets') this.#nextSecret();
  }

  /** Disposes of the secrets of a frame that nobody will use. */
  dispose(): void {
    for (const secret of this.#secrets) secret.dispose();
  }

  #begin(part: Uint8Array): void {
    this.#part = part;
    this.#done = 0;
  }

  #nextSecret(): void {
    for (;;) {
      const secret = this.#secrets[this.#next++];
      if (!secret) {
        this.#stage = 'complete';
        return;
      }
      if (secret.length === 0) continue;
      this.#begin(secret.bytes);
      return;
    }
  }

  #revived(value: unknown): unknown {
    const length = secretLength(value);
    if (length === undefined) return mapMembers(value, (member) => this.#revived(member));
    if (!Number.isSafeInteger(length) || length < 0 || length > LONGEST_SECRET) throw malformedFrame();
    const secret = new Secret(length);
    this.#secrets.push(secret);
    return secret;
  }
}

/** The value with `change` applied to what it is made of; anything but arrays and plain objects stays. */
function mapMembers(value: unknown, change: (member: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, change(member)]));
}

function secretLength(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { secret, ...rest } = value as Record<string, unknown>;
  return typeof secret === 'number' && Object.keys(rest).length === 0 ? secret : undefined;
}

function parsed(json: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString('utf8'));
  } catch {
    throw malformedFrame();
  }
}

export function malformedFrame(): TscryptError {
  return new TscryptError('PROTOCOL_ERROR', 'The request to the daemon was cut short.');
}
