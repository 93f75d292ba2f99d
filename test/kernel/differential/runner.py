"""The kernel's side of the differential bench, run in the guest as root: takes every step of every case.

    runner.py DIRECTORY

reads DIRECTORY/cases.json and writes DIRECTORY/answers.json: for each case the answers in the order that
answers.ts tells. DIRECTORY/running says which case is under way, for when the kernel does not survive it.
"""

import json
import os
import queue
import signal
import sys
import threading
import traceback

import dm_ioctl as dm
from disks import Disks
from mapped import NODES, Messages
from steps import Steps

PATIENCE = 20  # seconds until a step counts as hanging


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
    """Takes away whatever a case left: what is held open by others first loses what holds it. If that hangs, the
    alarm ends the run."""
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
            steps = Steps(control, disks, messages, case).run()
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
