"""Keeper of one guest: starts it, tells the host when it ends, ends it when the host ends.

It runs as a process of its own between host and guest because only a parent learns at once and
for certain that a process ended, and because the host may be killed at any moment: the pipe it
holds then closes, and the keeper kills the guest and removes the scratch directory. Should the
keeper itself be killed, the kernel kills the guest with it.

It is started as a file, not as a module, and imports only the standard library.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ORDER, REPORT = 0, 1  # the pipe from the host, the pipe to it

libc = ctypes.CDLL(None, use_errno=True)


def start(settings: "dict[str, object]", console: int) -> int:
    """Start the guest in a process group of its own and return its process number."""
    arguments = settings["arguments"]
    environment = settings["environment"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    keeper = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(127)  # the keeper was killed before its death could be watched
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(console, 1)
        os.dup2(console, 2)
        os.execve(arguments[0], arguments, environment)
    except OSError as error:
        os.write(console, f"cannot start {arguments[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def children() -> "list[int]":
    """Every child of this process, those it adopted included."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(number) for number in file.read().split()]


def end(guest: int) -> None:
    """Kill the guest's whole group and whatever of it was adopted, and reap it all."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(guest, signal.SIGKILL)
    while True:
        for number in children():
            os.kill(number, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(scratch: str, held: "list[int]") -> None:
    """Keep one guest until it ends or the host does."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(f"{scratch}/keeper.json") as file:
        settings = json.load(file)
    console = os.open(f"{scratch}/console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    wakeup_read, wakeup_write = os.pipe()
    for descriptor in (wakeup_read, wakeup_write):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    host = os.getppid()
    guest = start(settings, console)
    for descriptor in held:
        os.close(descriptor)  # the guest has them now; a copy here would hide its end
    os.write(REPORT, f"started {guest}\n".encode())
    orphaned = False
    while True:
        # The host's end shows at once as a closed pipe, unless a child of the host holds a copy;
        # the look at the parent finds it even then.
        ready = select.select([ORDER, wakeup_read], [], [], 1.0)[0]
        number, status = os.waitpid(guest, os.WNOHANG)
        if number:
            break
        if ORDER in ready and not os.read(ORDER, 64):
            orphaned = True
        if ORDER in ready or os.getppid() != host:
            orphaned = orphaned or os.getppid() != host
            status = signal.SIGKILL
            break
        with contextlib.suppress(BlockingIOError):
            os.read(wakeup_read, 64)
    end(guest)
    with contextlib.suppress(BrokenPipeError):
        os.write(REPORT, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())
    if orphaned:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(number) for number in sys.argv[2:]])
