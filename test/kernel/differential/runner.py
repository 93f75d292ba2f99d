"""The kernel's side of the differential bench, run in the guest as root: takes every step of every case.

    runner.py DIRECTORY

reads DIRECTORY/cases.json and writes DIRECTORY/answers.json: for each case the answers in the order that
answers.ts tells. DIRECTORY/running says which case is under way, for when the kernel does not survive it.
"""

import errno
import fcntl
import hashlib
import json
import mmap
import os
import queue
import re
import signal
import struct
import sys
import threading
import time
import traceback

import dm_ioctl as dm
from disks import SECTOR, Disks, noise

# linux/fs.h
BLKDISCARD = 0x1277
BLKZEROOUT = 0x127F

KERN_ERR = 3

NODES = "/dev/shm/mapped"
PATIENCE = 20  # seconds until a step counts as hanging
# Targets that do something else to flushes than to pass them down, but not to those of a suspension.
PASS_SUSPENSION_FLUSHES = {"flakey", "dust", "switch", "unstriped"}
# Targets whose status counts what a thread of the kernel does behind the requests.
LOGS_LATER = {"log-writes"}
# Targets that leave something on their devices when they are made or destroyed.
WRITES_WHEN_MADE = {"log-writes"}
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


class Runner:
    """One case: its devices, and the steps over them."""

    def __init__(self, control, disks, messages, case):
        self._control = control
        self._messages = messages
        self._case = case
        self._disks = disks.take(case)
        self._mapped = {}
        # Direct I/O wants aligned memory.
        self._buffer = memoryview(mmap.mmap(-1, 16384 * SECTOR))

    def run(self):
        for spec in self._case["devices"]:
            yield self._answer(lambda: self._create(spec))
        for index, step in enumerate(self._case["steps"]):
            yield self._answer(lambda: self._step(index, step))
        for mapped in self._mapped.values():
            yield self._answer(lambda: self._wake(mapped))
        for mapped in reversed(self._mapped.values()):
            yield self._answer(lambda: self._content(mapped))
        for mapped in reversed(self._mapped.values()):
            yield self._answer(lambda: self._remove(mapped))
        for disk in self._disks.values():
            yield fingerprints(disk.content())

    def _answer(self, action):
        self._messages.read()
        try:
            return action()
        except OSError as error:
            return {"errno": name_of(error)}

    def _create(self, spec):
        read_only = spec.get("readOnly", False)
        mapped = Mapped(spec["name"], self._control.create(spec["name"], read_only))
        self._mapped[spec["name"]] = mapped
        if not spec["table"]:
            return "ok"
        answer = self._load(mapped, spec["table"], read_only)
        if answer == "ok":
            self._control.call(dm.SUSPEND, mapped.name)
        return answer

    def _step(self, index, step):
        mapped = self._mapped[step.get("device", self._case["devices"][-1]["name"])]
        return getattr(self, f"_{step['do']}")(mapped, step, index)

    # Data

    def _read(self, mapped, step, _index):
        return self._request(mapped, step, self._read_range)

    def _write(self, mapped, step, index):
        def write(fd, offset, length):
            self._buffer[:length] = noise(f"{self._case['name']} {index}", length)
            whole(os.pwritev(fd, [self._buffer[:length]], offset, os.RWF_DSYNC if fua else 0), length)
            return "ok" if mapped.caches or not fua else "ok, no cache"
        fua = step.get("fua", False)
        return self._request(mapped, step, write)

    def _discard(self, mapped, step, _index):
        return self._request(mapped, step, lambda fd, *place: range_ioctl(fd, BLKDISCARD, place))

    def _zeroes(self, mapped, step, _index):
        return self._request(mapped, step, lambda fd, *place: range_ioctl(fd, BLKZEROOUT, place))

    def _flush(self, mapped, _step, _index):
        if self._held(mapped):
            return "held"
        if mapped.sectors == 0:
            return "outside"
        self._fdatasync(mapped)
        return "ok" if mapped.caches else "ok, no cache"

    def _request(self, mapped, step, action):
        """The system calls cut a request at the device's end instead of refusing it; it is not made then."""
        if self._held(mapped):
            return "held"
        if step["sector"] + step["sectors"] > mapped.sectors:
            return "outside"
        writes = step["do"] != "read"
        fd = os.open(mapped.node, (os.O_RDWR if writes else os.O_RDONLY) | os.O_DIRECT | os.O_CLOEXEC)
        try:
            return action(fd, step["sector"] * SECTOR, step["sectors"] * SECTOR)
        finally:
            os.close(fd)

    def _read_range(self, fd, offset, length):
        whole(os.preadv(fd, [self._buffer[:length]], offset), length)
        return hashlib.sha256(self._buffer[:length]).hexdigest()[:16]

    def _fdatasync(self, mapped):
        fd = os.open(mapped.node, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def _held(self, mapped):
        """Whether a request would wait for a resume: of the device or, perhaps, of one made before it."""
        for other in self._mapped.values():
            if self._info_of(other).flags & dm.SUSPEND_FLAG:
                return True
            if other is mapped:
                return False

    # Control

    def _message(self, mapped, step, _index):
        words = self._numbers(step["words"])
        return {"answer": self._plain(self._control.message(mapped.name, step["sector"], words))}

    def _status(self, mapped, _step, _index):
        seen = [self._lines(mapped, 0)]
        if any(line.split(" ", 3)[2] in LOGS_LATER for line in seen[0]):
            while len(seen) < 4 or seen[-1] != seen[-4]:
                time.sleep(0.003)
                seen.append(self._lines(mapped, 0))
        return seen[-1]

    def _table(self, mapped, _step, _index):
        return [line.rstrip() for line in self._lines(mapped, dm.STATUS_TABLE_FLAG)]

    def _lines(self, mapped, flags):
        lines = self._control.table_status(mapped.name, flags)
        return [self._plain(f"{start} {length} {kind} {text}") for start, length, kind, text in lines]

    def _info(self, mapped, _step, _index):
        info = self._info_of(mapped)
        return {
            "state": "suspended" if info.flags & dm.SUSPEND_FLAG else "active",
            "readOnly": bool(info.flags & dm.READONLY_FLAG),
            "live": bool(info.flags & dm.ACTIVE_PRESENT_FLAG),
            "inactive": bool(info.flags & dm.INACTIVE_PRESENT_FLAG),
            "openCount": info.open_count,
            "eventNumber": info.event_number,
            "targets": info.targets,
            "sectors": mapped.sectors,
        }

    def _limits(self, mapped, _step, _index):
        if mapped.sectors == 0:
            return "no table"
        return {name: mapped.sysfs(f"queue/{name}") for name in LIMITS}

    def _load(self, mapped, step_or_table, read_only_or_index):
        if isinstance(step_or_table, dict):
            table, read_only = step_or_table["table"], step_or_table.get("readOnly", False)
        else:
            table, read_only = step_or_table, read_only_or_index
        lines = [self._numbers(line).split(" ", 3) for line in table]
        lines = [(int(start), int(length), kind, *(rest or [""])) for start, length, kind, *rest in lines]
        try:
            if isinstance(step_or_table, dict):
                self._try(lines, read_only)
            self._control.load(mapped.name, lines, read_only)
            return "ok"
        except OSError as error:
            return {"errno": name_of(error), "text": self._plain(refusal(self._messages.read()))}

    def _try(self, lines, read_only):
        """Loads a table into a device that never had one. For such a device the kernel checks sizes and alignment
        at once, as we do for all. For others it does so when the table is resumed, and if they are wrong the
        table is lost and the device stays suspended."""
        if any(kind in WRITES_WHEN_MADE for _, _, kind, _ in lines):
            return
        self._control.create("try", read_only)
        try:
            self._control.load("try", lines, read_only)
        finally:
            self._control.call(dm.REMOVE, "try")

    def _suspend(self, mapped, step, _index):
        flush = step.get("flush", True)
        if flush and not self._flush_live(mapped):
            return "held"
        self._control.call(dm.SUSPEND, mapped.name, dm.SUSPEND_FLAG | (0 if flush else dm.NOFLUSH_FLAG))
        return "ok"

    def _resume(self, mapped, step, _index):
        flush = step.get("flush", True)
        replaces = self._info_of(mapped).flags & dm.INACTIVE_PRESENT_FLAG
        if flush and replaces and not self._flush_live(mapped):
            return "held"
        self._control.call(dm.SUSPEND, mapped.name, 0 if flush else dm.NOFLUSH_FLAG)
        return "ok"

    def _clear(self, mapped, _step, _index):
        self._control.call(dm.CLEAR, mapped.name)
        return "ok"

    def _flush_live(self, mapped):
        """Flushes what an active device has below it, as a suspension does here; the kernel leaves that to the
        file system above, and there is none. Gives back false where that would wait for a device below."""
        info = self._info_of(mapped)
        if info.flags & dm.ACTIVE_PRESENT_FLAG and not info.flags & (dm.SUSPEND_FLAG | dm.READONLY_FLAG):
            if self._held(mapped):
                return False
            for device in self._flushed(mapped):
                self._fdatasync(device)
        return True

    def _flushed(self, mapped):
        """What the flush of a suspension goes to: the device itself, unless it has targets that let this flush pass
        to what is below them, whatever they do to others."""
        lines = list(self._control.table_status(mapped.name, dm.STATUS_TABLE_FLAG))
        kinds = {kind for _, _, kind, _ in lines}
        if "multipath" in kinds:
            ((_, _, _, status),) = self._control.table_status(mapped.name)
            return [mapped] if re.search(r"\d:\d+ A\b", status) else []
        if not kinds & PASS_SUSPENSION_FLUSHES:
            return [mapped]
        named = [re.findall(r"\b\d+:\d+\b", text) for _, _, kind, text in lines if kind != "error"]
        below = {other.number: other for other in self._mapped.values()}
        return [below[number] for numbers in named for number in dict.fromkeys(numbers) if number in below]

    def _info_of(self, mapped):
        return self._control.call(dm.STATUS, mapped.name)

    # The end

    def _wake(self, mapped):
        if self._info_of(mapped).flags & dm.SUSPEND_FLAG:
            self._control.call(dm.CLEAR, mapped.name)
            self._control.call(dm.SUSPEND, mapped.name)
        return "ok"

    def _content(self, mapped):
        if self._held(mapped):
            return "held"
        sectors = mapped.sectors
        if sectors == 0:
            return []
        fd = os.open(mapped.node, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        found = []
        try:
            for sector in range(0, sectors, PIECE):
                count = min(PIECE, sectors - sector)
                try:
                    found.append(self._read_range(fd, sector * SECTOR, count * SECTOR))
                except OSError as error:
                    found.append(name_of(error))
        finally:
            os.close(fd)
        return found

    def _remove(self, mapped):
        answer = "ok"
        try:
            self._flush_live(mapped)
        except OSError as error:
            answer = {"errno": name_of(error)}
        self._control.call(dm.REMOVE, mapped.name)
        os.unlink(mapped.node)
        return answer

    # Names: tables have {a} and {NAME}, the kernel has 7:0 and 253:0, or loop0 and dm-0 in its messages.

    def _numbers(self, text):
        for name, disk in self._disks.items():
            text = text.replace(name, disk.number)
        for mapped in self._mapped.values():
            text = text.replace(f"{{{mapped.name}}}", mapped.number)
        return text

    def _plain(self, text):
        named = [*self._disks.items(), *((f"{{{one.name}}}", one) for one in self._mapped.values())]
        for name, device in named:
            text = re.sub(rf"(?<![\d:])(?:{device.number}|{device.kernel_name})(?![\d:])", name, text)
        return text


PIECE = 128  # sectors of content that are compared in one


def fingerprints(content):
    size = PIECE * SECTOR
    return [hashlib.sha256(content[at:at + size]).hexdigest()[:16] for at in range(0, len(content), size)]


def range_ioctl(fd, request, place):
    fcntl.ioctl(fd, request, struct.pack("=QQ", *place))
    return "ok"


def whole(done, length):
    if done != length:
        raise AssertionError(f"{done} of {length} bytes")
    return "ok"


def name_of(error):
    name = errno.errorcode.get(error.errno, str(error.errno))
    return "EOPNOTSUPP" if name == "ENOTSUP" else name


def refusal(messages):
    """Why a table was refused: the first message that says so, without the device's number and the errno."""
    for message in messages:
        found = re.fullmatch(r"device-mapper: (?:table: [\d:]+|ioctl): (.*?)(?: \(-\w+\))?", message)
        if found and found[1] != "error adding target to table":
            return found[1]
    return ""


class Worker:
    """Takes steps on a thread of its own, so that one which never ends can be noticed."""

    def __init__(self):
        self._tasks, self._results = queue.SimpleQueue(), queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while True:
            task = self._tasks.get()
            try:
                self._results.put((task(), None))
            except BaseException as error:  # noqa: B036 the caller gets it
                self._results.put((None, error))

    def do(self, task):
        self._tasks.put(task)
        result, error = self._results.get(timeout=PATIENCE)
        if error:
            raise error
        return result


def clean(control):
    """Takes away whatever a case left: what is held open by others first loses what holds it."""
    signal.alarm(PATIENCE)
    for _ in range(16):
        names = control.names()
        if not names:
            break
        for name in names:
            try:
                control.call(dm.SUSPEND, name, dm.SUSPEND_FLAG | dm.NOFLUSH_FLAG | dm.SKIP_LOCKFS_FLAG)
                control.load(name, [(0, 1, "error", "")])
                control.call(dm.SUSPEND, name, dm.NOFLUSH_FLAG | dm.SKIP_LOCKFS_FLAG)
                control.call(dm.REMOVE, name)
            except OSError:
                pass  # still in use: the next round may have what uses it gone
    else:
        raise RuntimeError(f"devices that do not go away: {control.names()}")
    signal.alarm(0)
    for node in os.listdir(NODES):
        os.unlink(os.path.join(NODES, node))


def main(directory):
    with open(os.path.join(directory, "cases.json")) as file:
        job = json.load(file)
    os.mkdir(NODES)
    control, messages, worker = dm.Control(), Messages(), Worker()
    disks = Disks(job["disks"], job["sectors"])
    answers = []
    for case in job["cases"]:
        with open(os.path.join(directory, "running"), "w") as file:
            file.write(case["name"])
        found = []
        try:
            steps = Runner(control, disks, messages, case).run()
            while True:
                answer = worker.do(lambda: next(steps, None))
                if answer is None:
                    break
                found.append(answer)
        except queue.Empty:
            found.append(f"took longer than {PATIENCE} s")
            worker = Worker()
        except Exception:  # a defect of the case or of the bench: the other cases go on
            found.append(traceback.format_exc())
        answers.append(found)
        clean(control)
    with open(os.path.join(directory, "answers.json"), "w") as file:
        json.dump(answers, file)


main(sys.argv[1])
