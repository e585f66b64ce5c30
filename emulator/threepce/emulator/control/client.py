"""Ask a server that runs: the other end of the control socket, for programs that may wait.

with ControlClient("/run/user/1000/san.sock") as control:
    control.add_faults({"match": {"unit": "source"}, "do": "MEDIUM ERROR 11h/00h"})
    control.advance(30)
"""

from __future__ import annotations

import json
import socket
from os import PathLike, fspath
from typing import Any, Self

__all__ = ["ControlClient", "ControlError", "ControlLost"]

PIECE = 1 << 16
LONGEST_ANSWER = 1 << 26


class ControlError(Exception):
    """The server refused an operation: `text` says what is wrong and what would do, `place` where."""

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(f"{place}: {text}" if place else text)
        self.text, self.place = text, place


class ControlLost(Exception):
    """There is no server at the path, or it answers no more."""


class ControlClient:
    """A connection to the control socket at `path`. Seconds of `timeout` are real. Raises ControlLost."""

    def __init__(self, path: str | PathLike[str], *, timeout: float = 10.0) -> None:
        self.path = fspath(path)
        self._identifier = 0
        self._unread = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(self.path)
        except OSError as error:
            self._socket.close()
            raise ControlLost(
                f"no server answers at {self.path}: {error.strerror or error}; "
                "one is started with 3pce serve --control unix:PATH"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def call(self, operation: str, **given: object) -> dict[str, Any]:
        """Ask for one operation and wait for the answer. Raises ControlError, ControlLost."""
        self._identifier += 1
        request = {"id": self._identifier, "do": operation, **given}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(self._line())
        except OSError as error:
            raise ControlLost(
                f"the server at {self.path} does not answer: {error.strerror or error}"
            ) from None
        except ValueError as error:
            raise ControlLost(f"what answers at {self.path} is no control socket: {error}") from None
        if not isinstance(answer, dict) or answer.get("id") not in (self._identifier, None):
            raise ControlLost(f"what answers at {self.path} is no control socket: {answer!r:.60}")
        if "err" in answer:
            raise ControlError(answer["err"]["text"], answer["err"]["place"])
        ok: dict[str, Any] = answer["ok"]
        return ok

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            piece = self._socket.recv(PIECE)
            if not piece:
                raise ControlLost(f"the server at {self.path} has ended")
            self._unread += piece
            if len(self._unread) > LONGEST_ANSWER:
                raise ControlLost(f"what answers at {self.path} is no control socket: it says too much")
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    # --- what is asked for most -----------------------------------------------------------------

    def add_faults(self, faults: object) -> list[str]:
        """Install faults, given as plain data, all or none; their names."""
        names: list[str] = self.call("fault add", faults=faults)["names"]
        return names

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are installed, with what they have counted."""
        faults: list[dict[str, Any]] = self.call("fault list")["faults"]
        return faults

    def remove_fault(self, name: str) -> None:
        """Take one fault out."""
        self.call("fault remove", name=name)

    def reset_faults(self) -> int:
        """Take all faults out; how many they were."""
        return int(self.call("fault reset")["removed"])

    def now(self) -> float:
        """The time of the virtual clock, in seconds."""
        return float(self.call("clock now")["now"])

    def advance(self, seconds: float) -> float:
        """Let virtual time pass; what the clock says then."""
        return float(self.call("clock advance", seconds=seconds)["now"])

    def units(self) -> list[dict[str, Any]]:
        """The logical units."""
        units: list[dict[str, Any]] = self.call("unit list")["units"]
        return units

    def insert_tape(self, unit: str, cartridge: str, *, write_protected: bool = False) -> None:
        """Put the cartridge at a path of the server into a drive."""
        self.call("tape insert", unit=unit, cartridge=cartridge, write_protected=write_protected)

    def eject_tape(self, unit: str) -> str | None:
        """Take the cartridge out of a drive; its name, None where there was none."""
        name: str | None = self.call("tape eject", unit=unit)["cartridge"]
        return name

    def copies(self) -> list[dict[str, Any]]:
        """The copies that run."""
        copies: list[dict[str, Any]] = self.call("copy list")["copies"]
        return copies

    def hold_copy(self, copy: int, segment: int) -> dict[str, Any]:
        """Have a copy stall before a segment."""
        return self.call("copy hold", copy=copy, segment=segment)

    def release_copy(self, copy: int) -> dict[str, Any]:
        """Have a copy go on to its end."""
        return self.call("copy release", copy=copy)

    def step_copy(self, copy: int, segments: int = 1) -> dict[str, Any]:
        """Have a copy go on for so many segments; how far it is then."""
        return self.call("copy step", copy=copy, segments=segments)

    def trace_tail(self, count: int = 20) -> list[dict[str, Any]]:
        """The newest commands, oldest first."""
        records: list[dict[str, Any]] = self.call("trace tail", count=count)["records"]
        return records

    def stop(self) -> None:
        """End the server."""
        self.call("stop")
