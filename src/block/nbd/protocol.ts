import { layout, u16be, u32be, u64be, u64beBig } from '../../codec/layout.ts';

/**
 * Constants and layouts of the NBD protocol, spelled as in its specification
 * (NetworkBlockDevice/nbd, doc/proto.md). No logic here.
 */

// Specification constants: handshake ("Newstyle negotiation", "Values").

export const NBDMAGIC = 0x4e42444d41474943n;
export const IHAVEOPT = 0x49484156454f5054n;
export const NBD_REP_MAGIC = 0x3e889045565a9n;

export const NBD_FLAG_FIXED_NEWSTYLE = 1 << 0;
export const NBD_FLAG_NO_ZEROES = 1 << 1;
export const NBD_FLAG_C_FIXED_NEWSTYLE = 1 << 0;
export const NBD_FLAG_C_NO_ZEROES = 1 << 1;

export const NBD_OPT_EXPORT_NAME = 1;
export const NBD_OPT_ABORT = 2;
export const NBD_OPT_LIST = 3;
export const NBD_OPT_STARTTLS = 5;
export const NBD_OPT_INFO = 6;
export const NBD_OPT_GO = 7;
export const NBD_OPT_STRUCTURED_REPLY = 8;
export const NBD_OPT_LIST_META_CONTEXT = 9;
export const NBD_OPT_SET_META_CONTEXT = 10;

export const NBD_REP_ACK = 1;
export const NBD_REP_SERVER = 2;
export const NBD_REP_INFO = 3;
export const NBD_REP_META_CONTEXT = 4;
/** Set in every error reply. */
export const NBD_REP_FLAG_ERROR = 2 ** 31;
export const NBD_REP_ERR_UNSUP = NBD_REP_FLAG_ERROR + 1;
export const NBD_REP_ERR_POLICY = NBD_REP_FLAG_ERROR + 2;
export const NBD_REP_ERR_INVALID = NBD_REP_FLAG_ERROR + 3;
export const NBD_REP_ERR_PLATFORM = NBD_REP_FLAG_ERROR + 4;
export const NBD_REP_ERR_TLS_REQD = NBD_REP_FLAG_ERROR + 5;
export const NBD_REP_ERR_UNKNOWN = NBD_REP_FLAG_ERROR + 6;
export const NBD_REP_ERR_SHUTDOWN = NBD_REP_FLAG_ERROR + 7;
export const NBD_REP_ERR_BLOCK_SIZE_REQD = NBD_REP_FLAG_ERROR + 8;
export const NBD_REP_ERR_TOO_BIG = NBD_REP_FLAG_ERROR + 9;

export const NBD_INFO_EXPORT = 0;
export const NBD_INFO_NAME = 1;
export const NBD_INFO_DESCRIPTION = 2;
export const NBD_INFO_BLOCK_SIZE = 3;

// Specification constants: transmission.

export const NBD_FLAG_HAS_FLAGS = 1 << 0;
export const NBD_FLAG_READ_ONLY = 1 << 1;
export const NBD_FLAG_SEND_FLUSH = 1 << 2;
export const NBD_FLAG_SEND_FUA = 1 << 3;
export const NBD_FLAG_ROTATIONAL = 1 << 4;
export const NBD_FLAG_SEND_TRIM = 1 << 5;
export const NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6;
export const NBD_FLAG_SEND_DF = 1 << 7;
export const NBD_FLAG_CAN_MULTI_CONN = 1 << 8;
export const NBD_FLAG_SEND_FAST_ZERO = 1 << 11;

export const NBD_REQUEST_MAGIC = 0x25609513;
export const NBD_SIMPLE_REPLY_MAGIC = 0x67446698;
export const NBD_STRUCTURED_REPLY_MAGIC = 0x668e33ef;

export const NBD_CMD_READ = 0;
export const NBD_CMD_WRITE = 1;
export const NBD_CMD_DISC = 2;
export const NBD_CMD_FLUSH = 3;
export const NBD_CMD_TRIM = 4;
export const NBD_CMD_WRITE_ZEROES = 6;
export const NBD_CMD_BLOCK_STATUS = 7;

export const NBD_CMD_FLAG_FUA = 1 << 0;
export const NBD_CMD_FLAG_NO_HOLE = 1 << 1;
export const NBD_CMD_FLAG_DF = 1 << 2;
export const NBD_CMD_FLAG_REQ_ONE = 1 << 3;
export const NBD_CMD_FLAG_FAST_ZERO = 1 << 4;

export const NBD_REPLY_FLAG_DONE = 1 << 0;
export const NBD_REPLY_TYPE_NONE = 0;
export const NBD_REPLY_TYPE_OFFSET_DATA = 1;
export const NBD_REPLY_TYPE_OFFSET_HOLE = 2;
export const NBD_REPLY_TYPE_BLOCK_STATUS = 5;
/** Set in every error chunk type. */
export const NBD_REPLY_TYPE_FLAG_ERROR = 1 << 15;
export const NBD_REPLY_TYPE_ERROR = (1 << 15) + 1;
export const NBD_REPLY_TYPE_ERROR_OFFSET = (1 << 15) + 2;

export const NBD_META_BASE_ALLOCATION = 'base:allocation';
export const NBD_STATE_HOLE = 1 << 0;
export const NBD_STATE_ZERO = 1 << 1;

export const NBD_EPERM = 1;
export const NBD_EIO = 5;
export const NBD_ENOMEM = 12;
export const NBD_EINVAL = 22;
export const NBD_ENOSPC = 28;
export const NBD_EOVERFLOW = 75;
export const NBD_ENOTSUP = 95;
export const NBD_ESHUTDOWN = 108;

/** "Conventions": a string MUST be no longer than this many bytes. */
export const NBD_MAX_STRING = 4096;
/** "Block size constraints": the largest payload every peer takes when nothing else was agreed on. */
export const NBD_MAX_PAYLOAD = 2 ** 25;

// Layouts.

/** First message of the server. */
export const ServerHello = layout('nbd newstyle hello', 18, {
  magic: u64beBig,
  optionMagic: u64beBig,
  handshakeFlags: u16be,
});

export const OptionHeader = layout('nbd option', 16, { magic: u64beBig, option: u32be, length: u32be });

export const OptionReplyHeader = layout('nbd option reply', 20, {
  magic: u64beBig,
  option: u32be,
  type: u32be,
  length: u32be,
});

/** Reply to NBD_OPT_EXPORT_NAME, without its 124 bytes of zeroes. */
export const ExportNameReply = layout('nbd export name reply', 10, { size: u64be, transmissionFlags: u16be });

export const InfoExport = layout('NBD_INFO_EXPORT', 12, {
  type: u16be,
  size: u64be,
  transmissionFlags: u16be,
});

export const InfoBlockSize = layout('NBD_INFO_BLOCK_SIZE', 14, {
  type: u16be,
  minimum: u32be,
  preferred: u32be,
  maximum: u32be,
});

export const Request = layout('nbd request', 28, {
  magic: u32be,
  flags: u16be,
  type: u16be,
  cookie: u64beBig,
  /** All 64 bits: whether it lies inside the export is for the receiver to say. */
  offset: u64beBig,
  length: u32be,
});

export const SimpleReply = layout('nbd simple reply', 16, { magic: u32be, error: u32be, cookie: u64beBig });

export const StructuredReply = layout('nbd structured reply chunk', 20, {
  magic: u32be,
  flags: u16be,
  type: u16be,
  cookie: u64beBig,
  length: u32be,
});

/** Bytes between the chunk header and the data of NBD_REPLY_TYPE_OFFSET_DATA: the offset. */
export const OFFSET_DATA_PREFIX = 8;

export const OffsetHole = layout('NBD_REPLY_TYPE_OFFSET_HOLE', 12, { offset: u64be, size: u32be });

/** Start of NBD_REPLY_TYPE_ERROR's payload; `messageLength` bytes of text follow. */
export const ErrorChunk = layout('NBD_REPLY_TYPE_ERROR', 6, { error: u32be, messageLength: u16be });

/** One of the descriptors of NBD_REPLY_TYPE_BLOCK_STATUS. */
export const BlockStatusDescriptor = layout('NBD_REPLY_TYPE_BLOCK_STATUS descriptor', 8, {
  length: u32be,
  status: u32be,
});

/** Zero bytes after the reply to NBD_OPT_EXPORT_NAME unless NBD_FLAG_C_NO_ZEROES was agreed on. */
export const EXPORT_NAME_PADDING = 124;
