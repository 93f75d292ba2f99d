"""Runs a command on a terminal of its own and plays a person: argv[1] is a JSON list of steps, the rest the command.

Steps: ["expect", text]  wait until the terminal showed it (behind what was expected before)
       ["send", hex]     type these bytes
       ["signal", name]  send the command a signal, SIGTERM for example
       ["hidden"]        wait until the terminal does not echo
       ["look"]          note whether the terminal echoes
Prints JSON: what the terminal showed, the notes, the wait status, and whether it echoes at the end.
"""
import fcntl
import json
import os
import pty
import select
import signal
import sys
import termios
import time

PATIENCE = 30

steps = json.loads(sys.argv[1])
command = sys.argv[2:]
# The slave side stays open here: otherwise its settings are gone with the last process that has it.
fd, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in range(3):
        os.dup2(slave, descriptor)
    os.closerange(3, 256)
    os.execvp(command[0], command)
shown = b""
seen = 0
looks = []


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


def pump(seconds):
    global shown
    ready, _, _ = select.select([fd], [], [], seconds)
    if ready:
        shown += os.read(fd, 65536)
    return bool(ready)


def ended():
    done, status = os.waitpid(pid, os.WNOHANG)
    return status if done else None


status = None
deadline = time.time() + PATIENCE
for kind, *rest in steps:
    if kind == "expect":
        text = rest[0].encode()
        while status is None and shown.find(text, seen) < 0 and time.time() < deadline:
            if not pump(0.02):
                status = ended()
        while pump(0):
            pass
        at = shown.find(text, seen)
        if at < 0:
            break
        seen = at + len(text)
    elif kind == "hidden":
        while status is None and echoes() and time.time() < deadline:
            if not pump(0.02):
                status = ended()
    elif kind == "send":
        os.write(fd, bytes.fromhex(rest[0]))
    elif kind == "signal":
        os.kill(pid, getattr(signal, rest[0]))
    elif kind == "look":
        looks.append(echoes())
while status is None and time.time() < deadline:
    if not pump(0.02):
        status = ended()
while pump(0):
    pass
if status is None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print(
    json.dumps(
        {
            "shown": shown.decode("latin-1").replace("\r\n", "\n"),
            "exit": os.waitstatus_to_exitcode(status) if status is not None else None,
            "looks": looks,
            "echoes": echoes(),
        }
    )
)
