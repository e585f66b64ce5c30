"""What a logical unit keeps over the loss of power, besides its blocks.

Registrations with APTPL and saved mode pages (SPC-4 5.13.5, 6.10). A unit keeps them under names of
its own choosing; where they lie is the store's business: beside the file of the medium, or, as
lasting as the medium itself, in memory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

from threepce.emulator.medium import FileMedium, Medium

__all__ = ["FileStore", "MemoryStore", "Store", "store_of"]


class Store(Protocol):
    """Values by name, of what JSON can say."""

    def load(self, name: str) -> Any:
        """What was saved last, None when nothing was."""
        ...

    def save(self, name: str, value: Any) -> None:
        """Keep a value in place of an older one; None keeps none. It lasts when this returns.

        Raises OSError, and then the older value is still there.
        """
        ...


class MemoryStore:
    """Values that last as long as the object. See Store."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def load(self, name: str) -> Any:
        """See Store."""
        return self._values.get(name)

    def save(self, name: str, value: Any) -> None:
        """See Store."""
        self._values[name] = value


class FileStore:
    """Values in a file, which is replaced whole with each change. See Store.

    Raises ValueError, with the path, for a file that is none of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] = {}
        if path.exists():
            try:
                values = json.loads(path.read_text("utf-8"))
            except (ValueError, OSError) as error:
                raise ValueError(f"{path}: not the saved state of a unit: {error}") from error
            if not isinstance(values, dict) or values.pop("format", None) != 1:
                raise ValueError(f"{path}: not the saved state of a unit: it has no 'format': 1")
            self._values = values

    def load(self, name: str) -> Any:
        """See Store."""
        return self._values.get(name)

    def save(self, name: str, value: Any) -> None:
        """See Store. The new file takes the place of the old one only when it is on the disk."""
        if self._values.get(name) == value:
            return
        values = self._values | {name: value}
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            json.dump({"format": 1, **values}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._values = values


def store_of(medium: Medium) -> Store:
    """Where the unit on a medium keeps things: for ``disk.img`` in ``disk.img.state``."""
    if isinstance(medium, FileMedium):
        return FileStore(medium.path.with_name(f"{medium.path.name}.state"))
    return MemoryStore()
