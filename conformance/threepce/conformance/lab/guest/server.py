"""The server in the guest: takes frames from the line, runs what they ask, answers.

It owns no logic of its own: commands go to SgIoNexus, configuration to LoopbackTarget, and every
exception goes back to the host as a FAILED frame.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import tty
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threepce.agent.transports.sg_io import SgIoNexus
from threepce.conformance.lab.frame import FRAME_SIZE, WINDOW_SIZE, Frame, Kind, check_body
from threepce.conformance.lab.message import pack_completion, pack_failure, unpack_command
from threepce.conformance.lab.target import LoopbackTarget

if TYPE_CHECKING:
    from threepce.conformance.lab.programs import GuestPrograms
    from threepce.conformance.lab.relay import GuestSockets

__all__ = ["serve"]

LINE = "/dev/ttyS0"
SHELL_LINE = "/dev/ttyS1"
WINDOW = "/dev/mmapper"
UNITS = Path("/run/threepce")


class Server:
    """One guest: its target, its nexus, its shells."""

    def __init__(self, wwn: str, load: Callable[[str], None]) -> None:
        self._target = LoopbackTarget(wwn)
        self._load = load
        self._sockets: GuestSockets | None = None
        self._programs: GuestPrograms | None = None
        self._nexus = SgIoNexus.of_target(self._target.address)
        self._shell_line = -1
        self._controls: dict[str, Callable[..., Any]] = {
            "create_unit": self._create_unit,
            "delete_unit": self._delete_unit,
            "start_shell": self._start_shell,
            "shell_runs": self._shell_runs,
            "open_portal": self._open_portal,
            "configure_portal": self._configure_portal,
            "open_stream": self._open_stream,
            "close_stream": self._close_stream,
            "load_modules": self._load_modules,
            "bring_loopback_up": self._bring_loopback_up,
            "run_program": lambda **request: self._all_programs().run(**request),
            "start_program": lambda **request: self._all_programs().start(**request),
            "exit_status": lambda **request: self._all_programs().exit_status(**request),
        }

    def answer(self, kind: Kind, body: bytes) -> bytes:
        """Do what a frame asks for and return the body of the answer."""
        if kind == Kind.EXECUTE:
            command = unpack_command(body)
            completion = self._nexus.execute(
                command.lun,
                command.cdb,
                command.data_out,
                command.data_in_length,
                timeout=command.timeout / 1000,
            )
            return pack_completion(completion)
        if kind == Kind.CONTROL:
            request = json.loads(body)
            result = self._controls[request.pop("do")](**request)
            return json.dumps(result).encode()
        if kind == Kind.STREAM:
            assert self._sockets is not None
            return self._sockets.exchange(body)
        return body  # PING

    def _create_unit(self, file: str, block_length: int, blocks: int, serial: str) -> int:
        return self._target.create_unit(UNITS / file, block_length=block_length, blocks=blocks, serial=serial)

    def _delete_unit(self, lun: int) -> None:
        self._nexus.forget(lun)
        self._target.delete_unit(lun)

    def _start_shell(self, command: list[str], rows: int, columns: int) -> int:
        if self._shell_line < 0:
            # Held open for good: at the last close the kernel would close the host's end too.
            self._shell_line = os.open(SHELL_LINE, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        child = os.fork()
        if child == 0:
            run_shell(command, rows, columns)
        return child

    def _open_portal(self, name: str, port: int) -> None:
        # Imported when it is needed: most labs never open a portal, and boot no slower for it.
        from threepce.conformance.lab.portal import MODULE, bring_loopback_up

        bring_loopback_up()
        self._load(MODULE)
        self._target.open_portal(name, port)

    def _configure_portal(self, name: str, port: int, **settings: dict[str, Any]) -> None:
        self._target.open_portal(name, port).configure(**settings)

    def _open_stream(self, host: str, port: int, seconds: float) -> int:
        from threepce.conformance.lab.relay import GuestSockets

        if self._sockets is None:
            self._sockets = GuestSockets()
        return self._sockets.open(host, port, seconds)

    def _close_stream(self, number: int) -> None:
        assert self._sockets is not None
        self._sockets.close(number)

    def _load_modules(self, names: list[str]) -> None:
        for name in names:
            self._load(name)

    def _bring_loopback_up(self) -> None:
        from threepce.conformance.lab.portal import bring_loopback_up

        bring_loopback_up()

    def _all_programs(self) -> GuestPrograms:
        from threepce.conformance.lab.programs import GuestPrograms

        if self._programs is None:
            self._programs = GuestPrograms()
        return self._programs

    def _shell_runs(self, process: int) -> bool:
        return os.waitpid(process, os.WNOHANG)[0] == 0


def run_shell(command: list[str], rows: int, columns: int) -> None:
    """In a child of the server: become `command` on the shell's line. Does not return."""
    import fcntl
    import struct
    import termios

    try:
        os.setsid()
        line = os.open(SHELL_LINE, os.O_RDWR)
        fcntl.ioctl(line, termios.TIOCSCTTY, 0)
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        for number in range(3):
            os.dup2(line, number)
        environment = {"PATH": os.defpath + ":/usr/sbin:/sbin", "TERM": "linux", "HOME": "/root"}
        os.execvpe(command[0], command, environment)
    finally:
        os._exit(127)


def read_exactly(line: int, length: int) -> bytes:
    """`length` bytes from the line; empty when it closed."""
    data = b""
    while len(data) < length:
        piece = os.read(line, length - len(data))
        if not piece:
            return b""
        data += piece
    return data


def serve(settings: dict[str, Any], load: Callable[[str], None]) -> None:
    """Answer frames until the line closes. `load` loads a module of the kernel by its name."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the line may hang up; read() tells us
    line = os.open(LINE, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    tty.setraw(line)
    memory = os.open(WINDOW, os.O_RDWR | os.O_CLOEXEC)
    window = mmap.mmap(memory, WINDOW_SIZE)
    server = Server(settings["wwn"], load)

    def send(kind: Kind, sequence: int, body: bytes) -> None:
        window[: len(body)] = body
        os.write(line, Frame.for_body(kind, sequence, body).pack())

    send(Kind.READY, 0, json.dumps({"release": os.uname().release}).encode())
    while data := read_exactly(line, FRAME_SIZE):
        frame = Frame.unpack(data)
        body = window[: frame.length]
        check_body(frame, body)
        try:
            answer = server.answer(frame.kind, body)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the host, which holds all logic
            send(Kind.FAILED, frame.sequence, pack_failure(error))
        else:
            send(Kind.DONE, frame.sequence, answer)
