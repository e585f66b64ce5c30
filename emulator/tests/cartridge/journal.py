"""What a process does to its files, call by call, so that it can be stopped after any of them, or in one.

A kill leaves all that was done before, and of the write it fell into the pages that were finished. The
loss of power may lose more: of each file, any pages written since it was last flushed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Journal", "State", "lay_out"]

PAGE = 4096
CALLS = ("open", "pwrite", "pwritev", "ftruncate", "unlink", "fsync", "fdatasync")
State = dict[str, bytearray]
"""The files of a folder."""


@dataclass(frozen=True)
class Call:
    """One call: create, write, truncate, flush or unlink."""

    what: str
    name: str
    offset: int = 0
    data: bytes = b""

    def apply(self, files: State, length: int | None = None) -> None:
        """Do it to the files, or the first bytes of it."""
        if self.what == "unlink":
            files.pop(self.name, None)
            return
        content = files.setdefault(self.name, bytearray())
        if self.what == "truncate":
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
        elif self.what == "write":
            data = self.data[:length]
            content.extend(bytes(max(self.offset - len(content), 0)))
            content[self.offset : self.offset + len(data)] = data

    def tears(self) -> list[int]:
        """How many bytes there may be of a write that a kill falls into."""
        if self.what != "write":
            return []
        first = PAGE - self.offset % PAGE
        borders = range(first, len(self.data), PAGE)
        return [*borders[:2], *borders[-2:]]


@dataclass
class Journal:
    """All calls while it records."""

    calls: list[Call] = field(default_factory=list)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note what is done by these functions of `os`, and do it."""
        real: dict[str, Any] = {name: getattr(os, name) for name in CALLS}

        def open_(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            file: int = real["open"](path, flags, *rest, **more)
            if flags & os.O_CREAT:
                self.calls.append(Call("create", _name(file)))
            return file

        def pwrite(file: int, data: Any, offset: int) -> int:
            self.calls.append(Call("write", _name(file), offset, bytes(data)))
            return int(real["pwrite"](file, data, offset))

        def pwritev(file: int, data: Any, offset: int) -> int:
            self.calls.append(Call("write", _name(file), offset, b"".join(data)))
            return int(real["pwritev"](file, data, offset))

        def ftruncate(file: int, size: int) -> None:
            self.calls.append(Call("truncate", _name(file), size))
            real["ftruncate"](file, size)

        def unlink(path: Any, **more: Any) -> None:
            self.calls.append(Call("unlink", os.path.basename(path)))
            real["unlink"](path, **more)

        def flush(file: int) -> None:
            self.calls.append(Call("flush", _name(file)))

        with pytest.MonkeyPatch.context() as patch:
            ours: list[Any] = [open_, pwrite, pwritev, ftruncate, unlink, flush, flush]
            for name, function in zip(CALLS, ours, strict=True):
                patch.setattr(os, name, function)
            yield

    def killed(self, start: int, end: int) -> Iterator[State]:
        """The files after each of the calls in a range, and within them."""
        files: State = {}
        for call in self.calls[:start]:
            call.apply(files)
        yield _copy(files)
        for call in self.calls[start:end]:
            for length in call.tears():
                torn = _copy(files)
                call.apply(torn, length)
                yield torn
            call.apply(files)
            yield _copy(files)

    def power_lost(self, end: int, chance: random.Random) -> State:
        """The files after so many calls, with some pages lost that nobody had flushed."""
        flushed: State = {}
        files: State = {}
        for call in self.calls[:end]:
            call.apply(files)
            if call.what == "flush" and call.name in files:
                flushed[call.name] = bytearray(files[call.name])
            elif call.what == "truncate" and call.name in flushed:
                del flushed[call.name][call.offset :]  # the file system keeps the order of these
        for name, content in files.items():
            safe = flushed.get(name, bytearray())
            for at in range(0, len(content), PAGE):
                page = safe[at : at + PAGE]
                if content[at : at + PAGE] != page and chance.random() < 0.5:
                    size = len(content[at : at + PAGE])
                    content[at : at + PAGE] = page[:size].ljust(size, b"\0")
            if chance.random() < 0.5:
                del content[max(len(safe), chance.randint(0, len(content))) :]
        return files


def _name(file: int) -> str:
    return os.path.basename(os.readlink(f"/proc/self/fd/{file}"))


def _copy(files: State) -> State:
    return {name: bytearray(content) for name, content in files.items()}


def lay_out(files: State, folder: Path) -> Path:
    """Put the files into an empty folder."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
