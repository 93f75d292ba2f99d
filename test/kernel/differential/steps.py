"""The steps of a case, as the kernel takes them."""

import os
import re
import time

import data
import dm_ioctl as dm
from disks import SECTOR, noise
from mapped import Mapped, name_of, refusal

# Targets that do something else to flushes than to pass them down, but not to those of a suspension.
PASS_SUSPENSION_FLUSHES = {"flakey", "dust", "switch", "unstriped"}
# Targets whose status counts what a thread of the kernel does behind the requests.
LOGS_LATER = {"log-writes"}
# Targets whose events are raised by a thread of the kernel, which joins those that come close together.
EVENTS_LATER = {"multipath", "striped"}
# Targets that leave something on their devices when they are made or destroyed.
WRITES_WHEN_MADE = {"log-writes"}


class Steps:
    """One case: its devices, and the steps over them."""

    def __init__(self, control, disks, messages, case):
        self._control = control
        self._messages = messages
        self._case = case
        self._disks = disks.take(case)
        self._mapped = {}

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
            yield data.fingerprints(disk.content())

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
        answer = self._load_table(mapped, self._lines_of(spec["table"]), read_only)
        if answer == "ok":
            self._control.call(dm.SUSPEND, mapped.name)
        return answer

    def _step(self, index, step):
        mapped = self._mapped[step.get("device", self._case["devices"][-1]["name"])]
        return getattr(self, f"_{step['do']}")(mapped, step, index)

    # Data

    def _read(self, mapped, step, _index):
        return self._request(mapped, step, data.read)

    def _write(self, mapped, step, index):
        fua = step.get("fua", False)
        content = noise(f"{self._case['name']} {index}", step["sectors"] * SECTOR)
        answer = self._request(mapped, step, lambda fd, offset, _: data.write(fd, offset, content, fua))
        return "ok, no cache" if answer == "ok" and fua and not mapped.caches else answer

    def _discard(self, mapped, step, _index):
        return self._request(mapped, step, data.discard)

    def _zeroes(self, mapped, step, _index):
        return self._request(mapped, step, data.zeroes)

    def _flush(self, mapped, _step, _index):
        if self._held(mapped):
            return "held"
        if mapped.sectors == 0:
            return "outside"
        data.flush(mapped.node)
        return "ok" if mapped.caches else "ok, no cache"

    def _request(self, mapped, step, make):
        """The system calls cut a request at the device's end instead of refusing it; it is not made then."""
        if self._held(mapped):
            return "held"
        if step["sector"] + step["sectors"] > mapped.sectors:
            return "outside"
        with data.opened(mapped.node, writes=step["do"] != "read") as fd:
            return make(fd, step["sector"] * SECTOR, step["sectors"] * SECTOR)

    def _held(self, mapped):
        """Whether a request would wait for a resume: of the device or, perhaps, of one made before it."""
        for other in self._mapped.values():
            if self._info_of(other).flags & dm.SUSPEND_FLAG:
                return True
            if other is mapped:
                return False

    # Control

    def _message(self, mapped, step, _index):
        self._settle(mapped)
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
        self._settle(mapped)
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

    def _settle(self, mapped):
        """Waits until the events are raised that the requests and messages so far have brought about."""
        lines = self._control.table_status(mapped.name, dm.STATUS_TABLE_FLAG)
        if not any(kind in EVENTS_LATER for _start, _length, kind, _text in lines):
            return
        seen = [self._info_of(mapped).event_number]
        while len(seen) < 4 or seen[-1] != seen[-4]:
            time.sleep(0.003)
            seen.append(self._info_of(mapped).event_number)

    def _limits(self, mapped, _step, _index):
        return mapped.limits if mapped.sectors > 0 else "no table"

    def _load(self, mapped, step, _index):
        lines, read_only = self._lines_of(step["table"]), step.get("readOnly", False)
        return self._load_table(mapped, lines, read_only, first=False)

    def _load_table(self, mapped, lines, read_only, first=True):
        try:
            if not first:
                self._try(lines, read_only)
            self._control.load(mapped.name, lines, read_only)
            return "ok"
        except OSError as error:
            return {"errno": name_of(error), "text": self._plain(refusal(self._messages.read()))}

    def _lines_of(self, table):
        """(start, length, type, arguments) of each line."""
        lines = [self._numbers(line).split(" ", 3) for line in table]
        return [(int(start), int(length), kind, *(rest or [""])) for start, length, kind, *rest in lines]

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
                data.flush(device.node)
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
        return data.content(mapped.node, mapped.sectors) if mapped.sectors > 0 else []

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
