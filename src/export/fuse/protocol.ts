import { layout, reserved, u16le, u32le, u64le } from '../../codec/layout.ts';

/**
 * The FUSE protocol between the kernel and a file system in user space, as far as one file needs it
 * (linux/fuse.h; Documentation/filesystems/fuse.rst). Numbers are in the byte order of the machine, which is the
 * little-endian one on all that foreign functions work on here.
 */

/** Protocol 7.31: what is used here is in it; later minor versions only add. */
export const FUSE_KERNEL_VERSION = 7;
export const FUSE_KERNEL_MINOR_VERSION = 31;
/** Since 7.23 the answer to FUSE_INIT has the size declared here. */
export const FUSE_OLDEST_MINOR_VERSION = 23;

// enum fuse_opcode
export const FUSE_LOOKUP = 1;
export const FUSE_FORGET = 2;
export const FUSE_GETATTR = 3;
export const FUSE_SETATTR = 4;
export const FUSE_SYMLINK = 6;
export const FUSE_MKNOD = 8;
export const FUSE_MKDIR = 9;
export const FUSE_UNLINK = 10;
export const FUSE_RMDIR = 11;
export const FUSE_RENAME = 12;
export const FUSE_LINK = 13;
export const FUSE_OPEN = 14;
export const FUSE_READ = 15;
export const FUSE_WRITE = 16;
export const FUSE_STATFS = 17;
export const FUSE_RELEASE = 18;
export const FUSE_FSYNC = 20;
export const FUSE_INIT = 26;
export const FUSE_OPENDIR = 27;
export const FUSE_READDIR = 28;
export const FUSE_RELEASEDIR = 29;
export const FUSE_FSYNCDIR = 30;
export const FUSE_CREATE = 35;
export const FUSE_INTERRUPT = 36;
export const FUSE_DESTROY = 38;
export const FUSE_IOCTL = 39;
export const FUSE_BATCH_FORGET = 42;
export const FUSE_FALLOCATE = 43;
export const FUSE_RENAME2 = 45;
export const FUSE_LSEEK = 46;
export const FUSE_TMPFILE = 51;

// Flags of FUSE_INIT.
export const FUSE_ASYNC_READ = 1 << 0;
export const FUSE_BIG_WRITES = 1 << 5;
export const FUSE_ASYNC_DIO = 1 << 15;
export const FUSE_MAX_PAGES = 1 << 22;

// fuse_open_out.open_flags
export const FOPEN_DIRECT_IO = 1 << 0;
export const FOPEN_NOFLUSH = 1 << 5;
export const FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;

// fuse_setattr_in.valid
export const FATTR_MODE = 1 << 0;
export const FATTR_UID = 1 << 1;
export const FATTR_GID = 1 << 2;
export const FATTR_SIZE = 1 << 3;

/** The number of a file system's root directory. */
export const FUSE_ROOT_ID = 1;

export const InHeader = layout('fuse_in_header', 40, {
  len: u32le,
  opcode: u32le,
  unique: u64le,
  nodeid: u64le,
  uid: u32le,
  gid: u32le,
  pid: u32le,
  totalExtlen: u16le,
  padding: reserved(2),
});

export const OutHeader = layout('fuse_out_header', 16, {
  len: u32le,
  /** 0, or -errno as an unsigned number. */
  error: u32le,
  unique: u64le,
});

const attributes = {
  ino: u64le,
  size: u64le,
  /** Of 512 bytes. */
  blocks: u64le,
  atime: u64le,
  mtime: u64le,
  ctime: u64le,
  atimensec: u32le,
  mtimensec: u32le,
  ctimensec: u32le,
  mode: u32le,
  nlink: u32le,
  uid: u32le,
  gid: u32le,
  rdev: u32le,
  blksize: u32le,
  flags: u32le,
};

export const AttrOut = layout('fuse_attr_out', 104, {
  attrValid: u64le,
  attrValidNsec: u32le,
  dummy: reserved(4),
  ...attributes,
});

export const EntryOut = layout('fuse_entry_out', 128, {
  nodeid: u64le,
  generation: u64le,
  entryValid: u64le,
  attrValid: u64le,
  entryValidNsec: u32le,
  attrValidNsec: u32le,
  ...attributes,
});

export const InitIn = layout('fuse_init_in', 16, {
  major: u32le,
  minor: u32le,
  maxReadahead: u32le,
  flags: u32le,
});

export const InitOut = layout('fuse_init_out', 64, {
  major: u32le,
  minor: u32le,
  maxReadahead: u32le,
  flags: u32le,
  maxBackground: u16le,
  congestionThreshold: u16le,
  maxWrite: u32le,
  timeGran: u32le,
  maxPages: u16le,
  mapAlignment: u16le,
  flags2: u32le,
  unused: reserved(28),
});

export const SetattrIn = layout('fuse_setattr_in', 88, {
  valid: u32le,
  padding: reserved(4),
  fh: u64le,
  size: u64le,
  rest: reserved(64),
});

export const OpenIn = layout('fuse_open_in', 8, { flags: u32le, openFlags: u32le });
export const OpenOut = layout('fuse_open_out', 16, { fh: u64le, openFlags: u32le, backingId: reserved(4) });

/** fuse_read_in and fuse_write_in, which differ in names only. */
export const TransferIn = layout('fuse_write_in', 40, {
  fh: u64le,
  offset: u64le,
  size: u32le,
  transferFlags: u32le,
  lockOwner: u64le,
  /** Those the file was opened with (O_DSYNC …). */
  flags: u32le,
  padding: reserved(4),
});

export const WriteOut = layout('fuse_write_out', 8, { size: u32le, padding: reserved(4) });

export const StatfsOut = layout('fuse_statfs_out', 80, {
  blocks: u64le,
  bfree: u64le,
  bavail: u64le,
  files: u64le,
  ffree: u64le,
  bsize: u32le,
  namelen: u32le,
  frsize: u32le,
  padding: reserved(28),
});

export const FallocateIn = layout('fuse_fallocate_in', 32, {
  fh: u64le,
  offset: u64le,
  length: u64le,
  mode: u32le,
  padding: reserved(4),
});

export const LseekIn = layout('fuse_lseek_in', 24, {
  fh: u64le,
  offset: u64le,
  whence: u32le,
  padding: reserved(4),
});
export const LseekOut = layout('fuse_lseek_out', 8, { offset: u64le });

/** A directory entry's name follows, and zeroes up to a multiple of 8 bytes. */
export const Dirent = layout('fuse_dirent', 24, { ino: u64le, off: u64le, namelen: u32le, type: u32le });
