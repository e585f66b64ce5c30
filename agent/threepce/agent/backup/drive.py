"""The tape drive as a backup uses it: where it stands, and what the host itself reads and writes.

All of it goes through the executor, so unit attentions and a busy drive are its business. Headers are
read through the host, and written by the engine where it can. This module knows no format.
"""

from __future__ import annotations

from threepce.agent import tape
from threepce.agent.errors import CommandFailed, InvalidRequest, UnexpectedAnswer
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.scsi.layout import DecodeError
from threepce.scsi.sense import SenseKey
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_position import (
    LongPosition,
    ReadPosition,
    ReadPositionForm,
    Rewind,
    Space6,
    SpaceCode,
)

__all__ = ["Drive"]

MOTION_TIMEOUT = 3600.0
"""Seconds: to wind a tape from one end to the other takes minutes."""


class Drive:
    """A tape drive set to variable block length. `device` is how it is reached."""

    def __init__(self, executor: Executor, device: Device) -> None:
        self._executor = executor
        self.device = device

    def check(self, transfer_length: int) -> None:
        """Refuse a drive that cannot take blocks of this length. Raises InvalidRequest."""
        fixed = tape.block_length(self._executor, self.device)
        if fixed:
            raise InvalidRequest(
                str(self.device), "block length", fixed,
                "a backup needs variable blocks: set it to 0, with `mt setblk 0` for example",
            )  # fmt: skip
        limits = tape.block_limits(self._executor, self.device)
        longest = limits.maximum_block_length_limit or (1 << 24) - 1
        if not limits.minimum_block_length_limit <= transfer_length <= longest:
            raise InvalidRequest(
                str(self.device), "transfer length", transfer_length,
                f"the drive has blocks of {limits.minimum_block_length_limit} to {longest} bytes",
            )  # fmt: skip

    def rewind(self) -> None:
        """Go to the beginning."""
        self._executor.send(self.device, Rewind(), timeout=MOTION_TIMEOUT)

    def space_filemarks(self, count: int) -> None:
        """Go behind so many filemarks. Raises CommandFailed where there are fewer."""
        self._executor.send(self.device, Space6.over(SpaceCode.FILEMARKS, count), timeout=MOTION_TIMEOUT)

    def to_end_of_data(self) -> None:
        """Go behind all that was recorded."""
        self._executor.send(self.device, Space6.over(SpaceCode.END_OF_DATA, 0), timeout=MOTION_TIMEOUT)

    def position(self) -> tuple[int, int]:
        """The logical object and the number of filemarks before here.

        Raises UnexpectedAnswer for a drive that does not know.
        """
        cdb = ReadPosition(service_action=ReadPositionForm.LONG_FORM)
        data = self._executor.send(self.device, cdb, data_in_length=LongPosition.SIZE).data_in
        try:
            found = LongPosition.decode(data)
        except DecodeError as error:
            raise UnexpectedAnswer(str(self.device), cdb.TITLE, str(error)) from error
        if found.lonu or found.mpu:
            raise UnexpectedAnswer(str(self.device), cdb.TITLE, "the position is not known")
        return found.logical_object_number, found.logical_file_identifier

    def read(self, length: int) -> bytes | None:
        """The next block, as far as `length` bytes; None at a filemark or the end of data.

        The tape stands behind the block, or behind the filemark.
        """
        cdb = StreamRead6(sili=True, transfer_length=length)
        try:
            return self._executor.send(self.device, cdb, data_in_length=length).data_in
        except CommandFailed as error:
            sense = error.sense
            if sense is None or not (sense.filemark or sense.key == SenseKey.BLANK_CHECK):
                raise
            return None

    def write(self, data: bytes) -> None:
        """One block."""
        self._executor.send(self.device, StreamWrite6(transfer_length=len(data)), data)

    def write_filemark(self) -> None:
        """A filemark, and all before it safe on the medium."""
        self._executor.send(self.device, WriteFilemarks6(filemark_count=1), timeout=MOTION_TIMEOUT)
