"""The device mapper's control interface (linux/dm-ioctl.h), as much of it as the bench needs.

A process for each step would take longer than all the steps of a case.
"""

import fcntl
import os
import struct

# struct dm_ioctl: version, data_size, data_start, target_count, open_count, flags, event_nr, padding, dev,
# name, uuid, and room to align the data.
HEADER = struct.Struct("=3IIIIiIIIQ128s129s7x")
# struct dm_target_spec: sector_start, length, status, next, target_type; the arguments follow.
TARGET = struct.Struct("=QQiI16s")

(VERSION, REMOVE_ALL, LIST_DEVICES, CREATE, REMOVE, RENAME, SUSPEND, STATUS, WAIT, LOAD, CLEAR, DEPS,
 TABLE_STATUS, LIST_VERSIONS, MESSAGE) = range(15)

READONLY_FLAG = 1 << 0
SUSPEND_FLAG = 1 << 1
STATUS_TABLE_FLAG = 1 << 4
ACTIVE_PRESENT_FLAG = 1 << 5
INACTIVE_PRESENT_FLAG = 1 << 6
BUFFER_FULL_FLAG = 1 << 8
SKIP_LOCKFS_FLAG = 1 << 10
NOFLUSH_FLAG = 1 << 11
DATA_OUT_FLAG = 1 << 16


class Reply:
    """The header that came back, and what follows it."""

    def __init__(self, buffer):
        (*_, size, start, self.targets, self.open_count, self.flags, self.event_number, _, self.device,
         _, _) = HEADER.unpack_from(buffer)
        self.data = bytes(buffer[start:size])


class Control:
    def __init__(self):
        self._fd = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)

    def call(self, command, name="", flags=0, payload=b"", targets=0):
        size = max(16384, HEADER.size + len(payload))
        while True:
            buffer = bytearray(size)
            HEADER.pack_into(buffer, 0, 4, 0, 0, size, HEADER.size, targets, 0, flags, 0, 0, 0,
                             name.encode(), b"")
            buffer[HEADER.size:HEADER.size + len(payload)] = payload
            # _IOWR(0xfd, command, struct dm_ioctl)
            fcntl.ioctl(self._fd, 3 << 30 | HEADER.size << 16 | 0xfd << 8 | command, buffer, True)
            reply = Reply(buffer)
            if not reply.flags & BUFFER_FULL_FLAG:
                return reply
            size *= 4

    def create(self, name, read_only=False):
        """Gives back the device's number (dev_t)."""
        return self.call(CREATE, name, READONLY_FLAG if read_only else 0).device

    def load(self, name, lines, read_only=False):
        """Loads (start, length, type, arguments) into the inactive slot."""
        payload = b""
        for start, length, kind, arguments in lines:
            text = arguments.encode() + b"\0"
            text += b"\0" * (-len(text) % 8)
            payload += TARGET.pack(start, length, 0, TARGET.size + len(text), kind.encode()) + text
        self.call(LOAD, name, READONLY_FLAG if read_only else 0, payload, len(lines))

    def table_status(self, name, flags=0):
        """(start, length, type, text) of each target of the live table."""
        reply = self.call(TABLE_STATUS, name, flags)
        at = 0
        for _ in range(reply.targets):
            start, length, _, following, kind = TARGET.unpack_from(reply.data, at)
            text = reply.data[at + TARGET.size:]
            yield start, length, text_of(kind), text_of(text)
            at = following

    def message(self, name, sector, words):
        """Gives back what the target answers."""
        reply = self.call(MESSAGE, name, 0, struct.pack("=Q", sector) + words.encode() + b"\0")
        return text_of(reply.data) if reply.flags & DATA_OUT_FLAG else ""

    def names(self):
        data = self.call(LIST_DEVICES).data
        at, found = 0, []
        following = len(data)  # nothing at all where there is no device
        while following:
            device, following = struct.unpack_from("=QI", data, at)
            if device:
                found.append(text_of(data[at + 12:]))
            at += following
        return found


def text_of(data):
    return data.split(b"\0", 1)[0].decode()
