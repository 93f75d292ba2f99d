"""A mapped device as the guest sees it, and what the kernel says of it."""

import errno
import os
import re

KERN_ERR = 3
NODES = "/dev/shm/mapped"
LIMITS = ("logical_block_size", "physical_block_size", "minimum_io_size", "optimal_io_size",
          "discard_granularity", "chunk_sectors")


class Mapped:
    def __init__(self, name, device):
        self.name = name
        self.device = device
        self.major, self.minor = os.major(device), os.minor(device)
        self.number = f"{self.major}:{self.minor}"
        self.kernel_name = f"dm-{self.minor}"
        self.node = os.path.join(NODES, name)
        os.mknod(self.node, 0o600 | 0o060000, os.makedev(self.major, self.minor))

    def sysfs(self, name):
        with open(f"/sys/dev/block/{self.number}/{name}") as file:
            return int(file.read())

    @property
    def limits(self):
        return {name: self.sysfs(f"queue/{name}") for name in LIMITS} | {
            "alignment_offset": self.sysfs("alignment_offset"),
        }

    @property
    def caches(self):
        """Without a cache below the block layer swallows flushes."""
        with open(f"/sys/dev/block/{self.number}/queue/write_cache") as file:
            return file.read().strip() == "write back"

    @property
    def sectors(self):
        try:
            return self.sysfs("size")
        except FileNotFoundError:  # the disk comes with the first table
            return 0


class Messages:
    """The kernel's error messages from now on."""

    def __init__(self):
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)

    def read(self):
        found = []
        while True:
            try:
                record = os.read(self._fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return found
            except BrokenPipeError:  # some were overwritten before they were read
                continue
            prefix, text = record.split(";", 1)
            if int(prefix.split(",", 1)[0]) & 7 <= KERN_ERR:
                found.append(text.split("\n", 1)[0])


def refusal(messages):
    """Why a table was refused: the first message that says so, without the device's number and the errno."""
    for message in messages:
        found = re.fullmatch(r"device-mapper: (?:table: [\d:]+|ioctl): (.*?)(?: \(-\w+\))?", message)
        if found and found[1] != "error adding target to table":
            return found[1]
    return ""


def name_of(error):
    name = errno.errorcode.get(error.errno, str(error.errno))
    return "EOPNOTSUPP" if name == "ENOTSUP" else name
