import { layout, reserved, u8, u16le, u32le, u64le } from '../../codec/layout.ts';

/**
 * What ublk's driver and its servers agree upon (linux/ublk_cmd.h, Documentation/block/ublk.rst). Commands are
 * written as Linux 6.4 and later take them, as ioctl numbers; before that their lowest byte was the command.
 */
export const CONTROL_NODE = '/dev/ublk-control';

const [READ, READ_WRITE] = [2, 3] as const;

function ioctlNumber(direction: number, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (0x75 << 8) | number) >>> 0;
}

const CONTROL_SIZE = 32;
export const GET_DEV_INFO = ioctlNumber(READ, 0x02, CONTROL_SIZE);
export const ADD_DEV = ioctlNumber(READ_WRITE, 0x04, CONTROL_SIZE);
export const DEL_DEV = ioctlNumber(READ_WRITE, 0x05, CONTROL_SIZE);
export const START_DEV = ioctlNumber(READ_WRITE, 0x06, CONTROL_SIZE);
export const STOP_DEV = ioctlNumber(READ_WRITE, 0x07, CONTROL_SIZE);
export const SET_PARAMS = ioctlNumber(READ_WRITE, 0x08, CONTROL_SIZE);
export const GET_PARAMS = ioctlNumber(READ, 0x09, CONTROL_SIZE);
export const START_USER_RECOVERY = ioctlNumber(READ_WRITE, 0x10, CONTROL_SIZE);
export const END_USER_RECOVERY = ioctlNumber(READ_WRITE, 0x11, CONTROL_SIZE);
export const GET_DEV_INFO2 = ioctlNumber(READ, 0x12, CONTROL_SIZE);
export const GET_FEATURES = ioctlNumber(READ, 0x13, CONTROL_SIZE);
export const DEL_DEV_ASYNC = ioctlNumber(READ, 0x14, CONTROL_SIZE);
export const UPDATE_SIZE = ioctlNumber(READ_WRITE, 0x15, CONTROL_SIZE);
export const TRY_STOP_DEV = ioctlNumber(READ_WRITE, 0x17, CONTROL_SIZE);

const IO_SIZE = 16;
export const FETCH_REQ = ioctlNumber(READ_WRITE, 0x20, IO_SIZE);
export const COMMIT_AND_FETCH_REQ = ioctlNumber(READ_WRITE, 0x21, IO_SIZE);

/** What a command is called where only its number was known. */
export function legacyNumber(command: number): number {
  return command & 0xff;
}

// UBLK_F_…
export const USER_RECOVERY = 1 << 3;
export const USER_RECOVERY_REISSUE = 1 << 4;
export const UNPRIVILEGED_DEV = 1 << 5;
export const UPDATE_SIZE_FEATURE = 1 << 10;
export const SAFE_STOP_DEV = 1 << 17;

/** UBLK_S_DEV_…: states of a device. */
export const STATE_DEAD = 0;
export const STATE_LIVE = 1;

/** For the queue of a command that is for none, and for the device that the kernel is to choose. */
export const NO_QUEUE = 0xffff;
export const ANY_DEVICE = 0xffff_ffff;

/** struct ublksrv_ctrl_dev_info. */
export const DeviceInfo = layout('ublksrv_ctrl_dev_info', 64, {
  queues: u16le,
  depth: u16le,
  state: u16le,
  pad0: reserved(2),
  /** Bytes of a tag's buffer. */
  maxIo: u32le,
  id: u32le,
  pid: u32le,
  pad1: reserved(4),
  flags: u64le,
  /** For the server: the kernel keeps it and does not look at it. */
  mark: u64le,
  ownerUid: u32le,
  ownerGid: u32le,
  reserved: reserved(16),
});
export type DeviceInfo = ReturnType<typeof DeviceInfo.decode>;

// UBLK_ATTR_…
export const ATTRIBUTE_READ_ONLY = 1;
export const ATTRIBUTE_VOLATILE_CACHE = 1 << 2;
export const ATTRIBUTE_FUA = 1 << 3;

// UBLK_PARAM_TYPE_…
export const BASIC = 1;
export const DISCARD = 2;
export const DEVICE_NUMBERS = 4;

/** The beginning of struct ublk_params, as far as it is used here. Block sizes are powers of two. */
export const Parameters = layout('ublk_params', 76, {
  length: u32le,
  types: u32le,
  // struct ublk_param_basic
  attributes: u32le,
  logicalBlockShift: u8,
  physicalBlockShift: u8,
  ioOptShift: u8,
  ioMinShift: u8,
  /** Sectors, as all that follow. */
  maxIo: u32le,
  chunk: u32le,
  size: u64le,
  virtualBoundary: u64le,
  // struct ublk_param_discard
  discardAlignment: u32le,
  /** Bytes. */
  discardGranularity: u32le,
  maxDiscard: u32le,
  maxWriteZeroes: u32le,
  maxDiscardSegments: u16le,
  reserved: reserved(2),
  // struct ublk_param_devt: told by the kernel
  charMajor: u32le,
  charMinor: u32le,
  diskMajor: u32le,
  diskMinor: u32le,
});
export type Parameters = ReturnType<typeof Parameters.decode>;

/** Bytes of {@link Parameters} that a server sets. */
export const PARAMETERS_TO_SET = Parameters.offsetOf.charMajor;

/** struct ublksrv_io_desc, of which a queue's tags have one each, as 32-bit words. */
export const DESCRIPTOR_WORDS = 6;
export const DESCRIPTOR_FLAGS = 0;
export const DESCRIPTOR_SECTORS = 1;
export const DESCRIPTOR_START = 2;
/** Where the descriptors of a queue are mapped: so far apart, whatever the depth. */
export const DESCRIPTORS_STRIDE = 4096 * DESCRIPTOR_WORDS * 4;

// UBLK_IO_OP_…
export const OPERATION_MASK = 0xff;
export const OPERATION_READ = 0;
export const OPERATION_WRITE = 1;
export const OPERATION_FLUSH = 2;
export const OPERATION_DISCARD = 3;
export const OPERATION_WRITE_ZEROES = 5;

// UBLK_IO_F_…
export const FLAG_FUA = 1 << 13;
export const FLAG_NO_UNMAP = 1 << 15;

// UBLK_IO_RES_…: what a FETCH completes with.
export const RESULT_REQUEST = 0;
export const RESULT_ABORT = -19;
