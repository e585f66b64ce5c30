"""The lab on the user-mode kernel: units in a guest, a Nexus in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from threepce.scsi.nexus import Completion, TransportError

from .errors import GuestError, LabUnavailable
from .frame import WINDOW_SIZE, Kind
from .guest_process import GuestProcess
from .kernel import Kernel
from .message import Command, pack_command, unpack_completion, unpack_failure
from .portal import PORTAL_HOST
from .programs import ProgramEnd
from .relay import GuestStream
from .scratch import Scratch
from .target import check_unit

__all__ = ["SHARED_DIRECTORY", "GuestNexus", "UserModeLab"]

WWN = "naa.5001405010000000"
PORTAL_NAME = "iqn.2026-01.org.threepce:lio"
PORTAL_PORT = 3260
DEFAULT_TIMEOUT = 30.0
SHARED_DIRECTORY = "/run/threepce"  # in the guest
GRACE = 15.0  # for the kernel's error handling after an SG_IO timeout, and a busy host
CONTROL_LIMIT = 30.0
LAST_LUN = 0x3FFF
LONGEST_DATA = WINDOW_SIZE - (64 << 10)  # the CDB and the sense data lie in the window as well


class GuestNexus:
    """The loopback target's I_T nexus inside a guest."""

    def __init__(self, guest: GuestProcess, grace: float = GRACE) -> None:
        self._guest = guest
        self._grace = grace

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """Send one command and wait for its end; see `Nexus.execute`.

        Raises CommandTimeout when SG_IO in the guest timed out, and GuestHung when the guest
        itself gave no answer some seconds after it should have.
        """
        if data_out and data_in_length:
            raise ValueError("a command moves data one way: data_out or data_in_length, not both")
        if not 0 <= lun <= LAST_LUN:
            raise ValueError(f"LUN {lun} is outside 0 to {LAST_LUN}")
        if max(len(data_out), data_in_length) > LONGEST_DATA:
            raise TransportError(
                f"{max(len(data_out), data_in_length)} bytes are more than the line to the guest "
                f"carries with one command ({LONGEST_DATA} bytes). Ask for less."
            )
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        milliseconds = max(1, round(seconds * 1000))
        body = pack_command(Command(lun, cdb, data_out, data_in_length, milliseconds))
        what = f"operation code {cdb[:1].hex().upper() or '??'}h on LUN {lun}"
        kind, answer = self._guest.request(Kind.EXECUTE, body, seconds + self._grace, what)
        if kind == Kind.FAILED:
            failure = unpack_failure(answer)
            raise failure if isinstance(failure, TransportError) else TransportError(str(failure))
        return unpack_completion(answer)


class UserModeLab:
    """A booted guest with a loopback target; see `Lab`."""

    def __init__(
        self,
        kernel: Kernel,
        progress: Callable[[str], None] | None = None,
        *,
        grace: float = GRACE,
    ) -> None:
        say = progress or (lambda _: None)
        self._scratch = Scratch()
        self._files: dict[int, Path] = {}
        self._made = 0
        say(f"booting the user-mode kernel {kernel.release}")
        try:
            self._guest = GuestProcess(kernel, self._scratch, wwn=WWN)
        except GuestError as error:
            self._scratch.remove()
            raise LabUnavailable(
                f"the user-mode kernel {kernel.binary} does not come up (it needs ptrace, "
                f"which some containers forbid). {error}"
            ) from error
        except BaseException:
            self._scratch.remove()
            raise
        self.release: str = self._guest.greeting["release"]
        self.nexus = GuestNexus(self._guest, grace)

    @property
    def console_log(self) -> Path:
        """The guest's console; a copy that stays once the guest has failed."""
        return self._guest.console_log

    @property
    def process(self) -> int:
        """The guest's process number on the host."""
        return self._guest.process

    @property
    def shell_terminal(self) -> str:
        """The terminal on the host behind which the guest's shell line lies."""
        return self._guest.shell_terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create_unit(self, *, block_length: int, blocks: int, serial: str) -> int:
        """Make a logical unit on a sparse file of the host and return its LUN."""
        check_unit(block_length, blocks, serial)
        self._made += 1
        # A fresh name each time: the guest's page cache may hold pages of an earlier file.
        file = self._scratch.path / "units" / f"{self._made}.img"
        with file.open("xb") as opened:
            os.truncate(opened.fileno(), block_length * blocks)
        try:
            lun = self._control(
                "create_unit",
                file=file.name,
                block_length=block_length,
                blocks=blocks,
                serial=serial,
            )
        except BaseException:
            file.unlink()
            raise
        assert isinstance(lun, int)
        self._files[lun] = file
        return lun

    def delete_unit(self, lun: int) -> None:
        """Take a logical unit away and drop its data."""
        self._control("delete_unit", lun=lun)
        self._files.pop(lun).unlink()

    def open_portal(self) -> str:
        """Open LIO's own iSCSI portal inside the guest; see `Lab.open_portal`."""
        self._control("open_portal", name=PORTAL_NAME, port=PORTAL_PORT)
        return f"iscsi://{PORTAL_HOST}:{PORTAL_PORT}/{PORTAL_NAME}"

    def configure_portal(
        self,
        *,
        attributes: Mapping[str, int] | None = None,
        parameters: Mapping[str, str] | None = None,
        authentication: Mapping[str, str] | None = None,
    ) -> None:
        """Set attributes, parameters (RFC 7143 section 13) and CHAP names of the portal group."""
        self._control(
            "configure_portal",
            name=PORTAL_NAME,
            port=PORTAL_PORT,
            attributes=dict(attributes or {}),
            parameters=dict(parameters or {}),
            authentication=dict(authentication or {}),
        )

    def connect(self, address: tuple[str, int], seconds: float) -> GuestStream:
        """Open a TCP connection inside the guest. Raises OSError."""
        return GuestStream(self._guest.request, self._control, address, seconds)

    def ping(self) -> None:
        """Raise GuestError unless the guest answers."""
        self._guest.request(Kind.PING, b"", CONTROL_LIMIT, "a ping")

    @property
    def shared_directory(self) -> Path:
        """A directory of the host that the guest reads and writes, as SHARED_DIRECTORY."""
        return self._scratch.path / "units"

    def load_modules(self, *names: str) -> None:
        """Load modules of the guest's kernel, and what they need; one that is built in is fine."""
        self._control("load_modules", names=names)

    def bring_loopback_up(self) -> None:
        """Set the guest's interface lo up."""
        self._control("bring_loopback_up")

    def run_program(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        seconds: float = CONTROL_LIMIT,
    ) -> ProgramEnd:
        """Run a program in the guest to its end; meanwhile the guest answers nothing else.

        Raises LabError when it cannot be started, or runs longer and was ended.
        """
        end = self._control(
            "run_program",
            limit=seconds + GRACE,
            command=command,
            environment=dict(environment or {}),
            seconds=seconds,
        )
        return ProgramEnd(*end)

    def start_program(
        self, command: Sequence[str], *, output: str, environment: Mapping[str, str] | None = None
    ) -> int:
        """Start a program that goes on beside, its output into a file of the guest; its process number."""
        process = self._control(
            "start_program", command=command, environment=dict(environment or {}), output=output
        )
        assert isinstance(process, int)
        return process

    def exit_status(self, process: int) -> int | None:
        """How a program of `start_program` ended; None while it runs."""
        status = self._control("exit_status", process=process)
        assert status is None or isinstance(status, int)
        return status

    def start_shell(self, command: list[str], rows: int, columns: int) -> int:
        """Run a program on the guest's shell line; returns its process number in the guest."""
        process = self._control("start_shell", command=command, rows=rows, columns=columns)
        assert isinstance(process, int)
        return process

    def shell_runs(self, process: int) -> bool:
        """Whether a program started by `start_shell` still runs."""
        return bool(self._control("shell_runs", process=process))

    def close(self) -> None:
        """End the guest and remove every file of the lab, but not the log of a failure."""
        self._guest.close()
        self._scratch.remove()

    def _control(self, request: str, *, limit: float = CONTROL_LIMIT, **values: Any) -> Any:
        body = json.dumps({"do": request, **values}).encode()
        kind, answer = self._guest.request(Kind.CONTROL, body, limit, request)
        if kind == Kind.FAILED:
            raise unpack_failure(answer)
        return json.loads(answer)
