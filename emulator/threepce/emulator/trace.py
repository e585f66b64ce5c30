"""The trace: every command a SAN has seen, and how it ended.

The newest records are kept, a bounded number of them; of long data only the start is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from threepce.scsi.cdb import find_cdb
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

__all__ = ["Trace", "TraceRecord"]

KEPT_DATA = 4096
TOLD_DATA = 64


class TraceRecord(NamedTuple):
    """One command. Of data, either way, it has the first 4,096 bytes; `time` is virtual seconds."""

    time: float
    initiator: str
    lun: int
    cdb: bytes
    data_out: bytes
    data_out_length: int
    completion: Completion
    data_in_length: int = 0

    def told(self) -> dict[str, Any]:
        """The record as data that JSON has; of the data the first 64 bytes."""
        table, sense = find_cdb(self.cdb), Sense.decode(self.completion.sense)
        return {
            "time": self.time,
            "initiator": self.initiator,
            "lun": self.lun,
            "command": table.TITLE if table else "",
            "cdb": self.cdb.hex(),
            "data_out_length": self.data_out_length,
            "data_out": self.data_out[:TOLD_DATA].hex(),
            "status": self.completion.status,
            "sense": self.completion.sense.hex(),
            "sense_text": str(sense) if sense else "",
            "data_in_length": self.data_in_length,
            "data_in": self.completion.data_in[:TOLD_DATA].hex(),
            "residual": self.completion.residual,
        }

    def __str__(self) -> str:
        table = find_cdb(self.cdb)
        title = table.TITLE if table else f"{self.cdb.hex(' ')}"
        status = Status(self.completion.status).name.replace("_", " ")
        sense = Sense.decode(self.completion.sense)
        return (
            f"+{self.time:.3f}  {self.initiator} -> LUN {self.lun}  {title}  "
            f"[{self.data_out_length}]  => {status}{f' {sense}' if sense else ''}"
        )


class Trace:
    """The newest `capacity` records, oldest first."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._records: deque[TraceRecord] = deque(maxlen=capacity)
        self.count = 0

    def add(self, record: TraceRecord) -> None:
        """Note one command."""
        self.count += 1
        self._records.append(record)

    def close(self) -> None:
        """Give back what the trace holds open."""

    def __iter__(self) -> Iterator[TraceRecord]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)
