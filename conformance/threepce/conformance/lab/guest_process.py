"""The guest as a process of the host: its command line, its keeper, its line and its window.

It starts the guest, moves frames and bodies, and turns silence into an exception. It knows
nothing of SCSI and does not know what the bodies mean.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import subprocess
import sys
import sysconfig
import threading
import time
import tty
from pathlib import Path

from . import guest, keeper
from .errors import GuestConfused, GuestDied, GuestError, GuestHung, LabUnavailable, console_tail
from .frame import FRAME_SIZE, WINDOW_SIZE, Frame, FrameError, Kind, check_body
from .kernel import Kernel
from .scratch import SAFE_PATH, Scratch
from .target import MODULES

__all__ = ["GuestProcess"]

MEMORY = 512 << 20
BOOT_LIMIT = 60.0
END_LIMIT = 10.0
LAST_SEQUENCE = 0xFFFFFFFF


class GuestProcess:
    """One booted guest. Every call may raise GuestError; after that only `close` is of use."""

    def __init__(self, kernel: Kernel, scratch: Scratch, *, wwn: str) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._sequence = 0
        self._report = b""
        self._failure: GuestError | None = None
        self.console_log = scratch.path / "console.log"
        self.process = 0
        (scratch.path / "units").mkdir()
        (scratch.path / "overlay").mkdir()
        memory = memory_directory(scratch.path)
        self._start(kernel, wwn, memory)
        try:
            self.greeting = json.loads(self._answer(0, BOOT_LIMIT, "the boot")[1])
        except BaseException:
            self.close()
            raise

    def request(self, kind: Kind, body: bytes, limit: float, what: str) -> tuple[Kind, bytes]:
        """Send one request and return its answer; `limit` seconds are all the guest gets."""
        with self._lock:
            if self._failure is not None:
                raise type(self._failure)(
                    f"The guest failed before {what}.",
                    self._failure.console_log,
                    self._failure.tail,
                ) from self._failure
            self._sequence = self._sequence % LAST_SEQUENCE + 1
            frame = Frame.for_body(kind, self._sequence, body)
            self._window[: len(body)] = body
            try:
                os.write(self._line_out, frame.pack())
                return self._answer(self._sequence, limit, what)
            except GuestError:
                raise
            except BrokenPipeError as error:
                raise self._ended(what) from error
            except BaseException:
                # The answer is still to come and would be taken for that of the next request.
                self._fail(GuestConfused, f"The wait for the answer was interrupted: {what}.")
                raise

    def close(self) -> None:
        """End the guest, whatever state it is in; nothing of it is left running."""
        if self._keeper.poll() is None:
            assert self._keeper.stdin is not None
            try:
                self._keeper.stdin.write(b"end\n")
                self._keeper.stdin.flush()
            except BrokenPipeError:
                pass  # the keeper is ending already
            try:
                self._keeper.wait(END_LIMIT)
            except subprocess.TimeoutExpired:
                self._keeper.kill()
                self._keeper.wait()
        for stream in (self._keeper.stdin, self._keeper.stdout):
            if stream is not None:
                stream.close()
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._window.close()

    def _ended(self, what: str) -> GuestError:
        """The line is broken: what the keeper says of it, which may come a moment later."""
        try:
            self._frame(END_LIMIT, what)
        except GuestError as error:
            return error
        return self._confused("its line is closed, and yet it answered", what)

    # How it starts.

    def _start(self, kernel: Kernel, wwn: str, memory: Path) -> None:
        path = self._scratch.path
        window = os.memfd_create("window")
        os.truncate(window, WINDOW_SIZE)
        self._window = mmap.mmap(window, WINDOW_SIZE)
        line_in, guest_out = os.pipe()
        guest_in, self._line_out = os.pipe()
        self._line_in = line_in
        self._descriptors = [line_in, self._line_out]
        # The shell's line: the guest has the terminal's master side, so that who opens the other
        # side by name has a terminal; this process keeps it open lest the guest see a hang-up.
        shell_master, shell_line = os.openpty()
        tty.setraw(shell_line)
        self.shell_terminal = os.ttyname(shell_line)
        self._descriptors.append(shell_line)
        _write_json(
            path / "guest.json",
            {
                "modules": str(kernel.modules),
                "load": MODULES,
                "sys_path": [entry or os.getcwd() for entry in sys.path],
                "wwn": wwn,
            },
        )
        (path / "python").symlink_to(os.path.abspath(sys.executable))
        (path / "init.py").symlink_to(Path(guest.__file__).with_name("init.py"))
        held = (guest_in, guest_out, shell_master, window)
        arguments = _arguments(kernel, path, held)
        environment = {"TMPDIR": str(memory), "PATH": os.defpath, "HOME": str(path)}
        _write_json(path / "keeper.json", {"arguments": arguments, "environment": environment})
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(path), *map(str, held)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=held,
                bufsize=0,
            )
        finally:
            for descriptor in held:
                os.close(descriptor)
        assert self._keeper.stdout is not None
        self._poll = select.poll()
        self._poll.register(self._line_in, select.POLLIN)
        self._poll.register(self._keeper.stdout.fileno(), select.POLLIN)

    # How it answers.

    def _answer(self, sequence: int, limit: float, what: str) -> tuple[Kind, bytes]:
        """The frame that answers `sequence`, and its body; READY answers no request."""
        frame = self._frame(limit, what)
        kinds = (Kind.DONE, Kind.FAILED) if sequence else (Kind.READY,)
        if frame.sequence != sequence or frame.kind not in kinds:
            raise self._confused(f"{frame} instead of the answer to {sequence}", what)
        body = self._window[: frame.length]
        try:
            check_body(frame, body)
        except FrameError as error:
            raise self._confused(str(error), what) from error
        return frame.kind, body

    def _frame(self, limit: float, what: str) -> Frame:
        deadline = time.monotonic() + limit
        data = b""
        while len(data) < FRAME_SIZE:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._fail(GuestHung, f"The guest did not answer within {limit:g} s: {what}.")
            for descriptor, _ in self._poll.poll(remaining * 1000):
                if descriptor == self._line_in:
                    piece = os.read(self._line_in, FRAME_SIZE - len(data))
                    data += piece
                    if not piece:
                        # The line closed, so the guest is ending; the keeper will say how.
                        self._poll.unregister(self._line_in)
                elif descriptor != self._line_in:
                    self._hear_keeper(what)
        try:
            return Frame.unpack(data)
        except FrameError as error:
            raise self._confused(str(error), what) from error

    def _hear_keeper(self, what: str) -> None:
        """Read the keeper's report; anything but "started" is the guest's end."""
        assert self._keeper.stdout is not None
        piece = os.read(self._keeper.stdout.fileno(), 256)
        self._report += piece
        for line in self._report.decode().splitlines():
            word, _, number = line.partition(" ")
            if word == "started":
                self.process = int(number)
            elif word == "ended":
                raise self._died(what, int(number))
        if not piece:
            raise self._died(what)

    def _died(self, what: str, exit_status: int | None = None) -> GuestError:
        if exit_status is None:
            how = "and so did the process that watches it"
        elif exit_status < 0:
            how = f"killed by signal {-exit_status}"
        else:
            how = f"exit status {exit_status}"
        return self._fail(GuestDied, f"The guest ended ({how}) during {what}.")

    def _confused(self, how: str, what: str) -> GuestError:
        return self._fail(GuestConfused, f"The guest sent what makes no sense during {what}: {how}.")

    def _fail(self, kind: type[GuestError], what: str) -> GuestError:
        tail = console_tail(self.console_log)
        self.console_log = self._scratch.keep_log(self.console_log)
        self._failure = kind(what, self.console_log, tail)
        return self._failure


def _arguments(kernel: Kernel, path: Path, held: tuple[int, int, int, int]) -> list[str]:
    """The guest's kernel command line; the last words are its first process's.

    `held` are the descriptors it inherits: line in, line out, the shell's terminal, the window.
    """
    guest_in, guest_out, shell_master, window = held
    arguments = [
        str(kernel.binary),
        f"mem={MEMORY >> 20}M",
        "root=hostfs",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        # LIO explains most refusals in the log; "notice" has them without the chatter of a boot.
        "loglevel=6",
        # An oops leaves a kernel that may hang later: end at once, with the console log.
        "oops=panic",
        "selinux=0",
        "con=null",
        "con0=null,fd:1",
        "ssl=null",
        f"ssl0=fd:{guest_in},fd:{guest_out}",
        f"ssl1=fd:{shell_master}",
        f"iomem=mmapper,/proc/self/fd/{window}",
        f"uml_dir={path}/",
        f"init={path}/python",
    ]
    library = sysconfig.get_config_var("LIBDIR")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and SAFE_PATH.fullmatch(str(library)):
        # An interpreter may find its library beside itself, but only where /proc is mounted.
        arguments.append(f"LD_LIBRARY_PATH={library}")
    return [*arguments, "--", "-I", "-S", "-u", f"{path}/init.py", str(path)]


def memory_directory(fallback: Path) -> Path:
    """Where the guest's memory lies: /dev/shm where it has room, and no mount without exec."""
    tried = []
    for place in (Path("/dev/shm"), fallback):
        try:
            facts = os.statvfs(place)
        except OSError as error:
            tried.append(f"{place}: {error.strerror}")
            continue
        if facts.f_flag & os.ST_NOEXEC:
            tried.append(f"{place}: mounted noexec")
        elif facts.f_bavail * facts.f_frsize < MEMORY:
            tried.append(f"{place}: less than {MEMORY >> 20} MiB free")
        elif not os.access(place, os.W_OK | os.X_OK):
            tried.append(f"{place}: not writable")
        else:
            return place
    raise LabUnavailable(
        f"no place for the guest's memory ({'; '.join(tried)}). Set TMPDIR to a directory on a "
        f"file system with {MEMORY >> 20} MiB free that is not mounted noexec."
    )


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))
