import * as fuse from './protocol.ts';

/** The number of the one file. */
export const FILE_ID = 2;

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const DT_DIR = 4;
const DT_REG = 8;
/** Seconds for which the kernel may trust a name; sizes it asks for each time. */
const NAME_VALID = 3600;

export interface FileFacts {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Preferred size of a request, bytes. */
  readonly blockSize: number;
  /** Seconds since 1970. */
  readonly time: number;
}

function attributes(node: number, facts: FileFacts) {
  const { uid, gid, time } = facts;
  const isFile = node === FILE_ID;
  const size = isFile ? facts.size : 0;
  return {
    ino: node,
    size,
    blocks: Math.ceil(size / 512),
    atime: time,
    mtime: time,
    ctime: time,
    atimensec: 0,
    mtimensec: 0,
    ctimensec: 0,
    mode: isFile ? S_IFREG | (facts.readOnly ? 0o400 : 0o600) : S_IFDIR | 0o500,
    nlink: isFile ? 1 : 2,
    uid,
    gid,
    rdev: 0,
    blksize: facts.blockSize,
    flags: 0,
  };
}

/** The answer to FUSE_GETATTR and FUSE_SETATTR. */
export function attrOut(node: number, facts: FileFacts): Uint8Array {
  return fuse.AttrOut.encode({
    attrValid: 0,
    attrValidNsec: 0,
    dummy: undefined,
    ...attributes(node, facts),
  });
}

/** The answer to FUSE_LOOKUP for the file. */
export function entryOut(facts: FileFacts): Uint8Array {
  return fuse.EntryOut.encode({
    nodeid: FILE_ID,
    generation: 0,
    entryValid: NAME_VALID,
    attrValid: 0,
    entryValidNsec: 0,
    attrValidNsec: 0,
    ...attributes(FILE_ID, facts),
  });
}

/** The root directory's entries from `offset` on, as many as fit `room`. */
export function directory(facts: FileFacts, offset: number, room: number): Uint8Array {
  const entries = [
    { name: '.', ino: fuse.FUSE_ROOT_ID, type: DT_DIR },
    { name: '..', ino: fuse.FUSE_ROOT_ID, type: DT_DIR },
    { name: facts.name, ino: FILE_ID, type: DT_REG },
  ].map(({ name, ino, type }, index) => {
    const text = Buffer.from(name);
    const padding = Buffer.alloc(-text.length & 7);
    return Buffer.concat([
      fuse.Dirent.encode({ ino, off: index + 1, namelen: text.length, type }),
      text,
      padding,
    ]);
  });
  const fitting: Buffer[] = [];
  let length = 0;
  for (const entry of entries.slice(offset)) {
    length += entry.length;
    if (length > room) break;
    fitting.push(entry);
  }
  return Buffer.concat(fitting);
}
