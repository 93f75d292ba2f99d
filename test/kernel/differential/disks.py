"""The backing disks: loop devices over files in memory, set up once; their content is laid anew for each case."""

import fcntl
import hashlib
import os
import struct

# linux/loop.h
LOOP_SET_CAPACITY = 0x4C07
LOOP_CONFIGURE = 0x4C0A
LOOP_CTL_ADD = 0x4C80
# struct loop_config: fd, block_size, struct loop_info64 (all zeroes: no offset, no limit), reserved.
CONFIG = struct.Struct("=II232x64x")

DIRECTORY = "/dev/shm"
SECTOR = 512


class Disk:
    def __init__(self, number, block_size, sectors):
        self.number = f"7:{number}"
        self.kernel_name = f"loop{number}"
        self._node = os.path.join(DIRECTORY, self.kernel_name)
        self._sectors = sectors
        # The file is changed behind the loop device's back. Nobody reads the loop device through its page
        # cache, so there is nothing stale: the device mapper sends requests past it.
        self._file = os.open(f"{self._node}.content", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        os.ftruncate(self._file, sectors * SECTOR)
        with open("/dev/loop-control", "rb") as control:
            try:
                fcntl.ioctl(control, LOOP_CTL_ADD, number)
            except FileExistsError:
                pass
        os.mknod(self._node, 0o600 | 0o060000, os.makedev(7, number))
        with open(self._node, "r+b") as loop:  # a loop device is read-only if this is
            fcntl.ioctl(loop, LOOP_CONFIGURE, CONFIG.pack(self._file, block_size))

    def lay(self, content):
        sectors = len(content) // SECTOR
        if sectors != self._sectors:
            os.ftruncate(self._file, len(content))
            with open(self._node, "rb") as loop:
                fcntl.ioctl(loop, LOOP_SET_CAPACITY)
            self._sectors = sectors
        os.pwrite(self._file, content, 0)

    def content(self):
        return os.pread(self._file, self._sectors * SECTOR, 0)


class Disks:
    """What the cases take their disks from."""

    def __init__(self, count, sectors):
        self._of = {}
        number = 0
        for block_size in (512, 4096):
            self._of[block_size] = [Disk(number + i, block_size, sectors) for i in range(count)]
            number += count

    def take(self, case):
        """The disks of a case, by the names that tables have for them, with their content laid."""
        free = {size: iter(disks) for size, disks in self._of.items()}
        taken = {}
        for index, disk in enumerate(case["disks"]):
            name = f"{{{chr(ord('a') + index)}}}"
            taken[name] = next(free[disk.get("blockSize", 512)])
            taken[name].lay(noise(f"{case['name']} {name}", disk["sectors"] * SECTOR))
        return taken


def noise(seed, size):
    """Bytes that are the same in every run, here and on the other side (content.ts)."""
    return hashlib.shake_128(seed.encode()).digest(size)
