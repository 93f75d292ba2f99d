"""Requests to a block device, made past the page cache: what each answers, or the OSError it fails with."""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct

from disks import SECTOR
from mapped import name_of

# linux/fs.h
BLKDISCARD = 0x1277
BLKZEROOUT = 0x127F

PIECE = 128  # sectors of content that are compared in one

# Direct I/O wants aligned memory.
_buffer = memoryview(mmap.mmap(-1, 16384 * SECTOR))


@contextlib.contextmanager
def opened(node, writes):
    fd = os.open(node, (os.O_RDWR if writes else os.O_RDONLY) | os.O_DIRECT | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def read(fd, offset, length):
    _whole(os.preadv(fd, [_buffer[:length]], offset), length)
    return fingerprint(_buffer[:length])


def write(fd, offset, content, fua):
    length = len(content)
    _buffer[:length] = content
    _whole(os.pwritev(fd, [_buffer[:length]], offset, os.RWF_DSYNC if fua else 0), length)
    return "ok"


def discard(fd, offset, length):
    fcntl.ioctl(fd, BLKDISCARD, struct.pack("=QQ", offset, length))
    return "ok"


def zeroes(fd, offset, length):
    fcntl.ioctl(fd, BLKZEROOUT, struct.pack("=QQ", offset, length))
    return "ok"


def flush(node):
    with opened(node, writes=False) as fd:
        os.fdatasync(fd)


def content(node, sectors):
    """Piece by piece; what cannot be read is an errno."""
    found = []
    with opened(node, writes=False) as fd:
        for sector in range(0, sectors, PIECE):
            count = min(PIECE, sectors - sector)
            try:
                found.append(read(fd, sector * SECTOR, count * SECTOR))
            except OSError as error:
                found.append(name_of(error))
    return found


def fingerprint(data):
    return hashlib.sha256(data).hexdigest()[:16]


def fingerprints(data):
    size = PIECE * SECTOR
    return [fingerprint(data[at:at + size]) for at in range(0, len(data), size)]


def _whole(done, length):
    if done != length:
        raise AssertionError(f"{done} of {length} bytes")
