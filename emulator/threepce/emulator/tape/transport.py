"""A loaded cartridge and where it stands: reading, writing and moving along one partition (SSC-3 4.2).

The position is the number of the object that comes next; a block and a filemark each count one. What
stops a command on its way is raised, and the position is by then what SSC-3 says for that event: after
a filemark or a block of the wrong length, at end of data, at the first object that was not written.

A partition has three places besides its ends. Early warning lies so many bytes before the end of the
partition as the cartridge says; the programmable early warning zone before that, as long as the
initiator wants it:

    BOP ... blocks ... | zone | early warning ... | EOP

A write that comes into the zone is told so once, one that ends at or behind early warning each time.

It knows neither modes nor commands nor who sends them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threepce.emulator.cartridge import FILEMARK_USES, Cartridge, Recording, RecordingFault
from threepce.emulator.tape import events
from threepce.emulator.tape.motion import Landing, locate, space
from threepce.emulator.tape.statistics import Statistics
from threepce.scsi.stream_position import DestinationType

__all__ = ["Transport"]

READ_AHEAD = 1 << 24
"""Bytes that are read at a time where nobody has room for them."""


class Transport:
    """A cartridge in the drive, ready to be read and written. It begins at BOP of partition 0."""

    def __init__(self, cartridge: Cartridge, statistics: Statistics) -> None:
        self.cartridge = cartridge
        self.statistics = statistics
        self.partition = 0
        self.number = 0
        self.warning_zone = 0
        """Length of the programmable early warning zone in bytes; 0: nobody wants it."""
        self._unsynchronized = False

    @property
    def recording(self) -> Recording:
        """The partition in which the position is."""
        return self.cartridge.partitions[self.partition]

    # --- reading --------------------------------------------------------------------------------

    def read_block(self, length: int, *, shorter: bool = False, longer: bool = False) -> bytes:
        """The next block, up to `length` bytes of it.

        A block of another length is told, unless `shorter` or `longer` ones will do. Raises
        CheckCondition.
        """
        recording, number = self.recording, self.number
        if number >= recording.objects:
            raise events.behind_the_last_object(recording, length)
        actual = recording.block_length(number)
        if actual is None:
            self.number = number + 1
            raise events.filemark(length)
        try:
            data = recording.read(number)
        except RecordingFault as fault:
            self._pass(number)
            raise events.unreadable(length, cause=fault) from fault
        self.number = number + 1
        self.statistics.read += actual
        if actual == length:
            return data
        if shorter if actual < length else longer:
            return data[:length]
        raise events.incorrect_length(length - actual, data[:length])

    def read_blocks(self, count: int, block_length: int, *, most: int) -> bytes:
        """The next blocks, all of one length, joined. Raises CheckCondition.

        Only the first `most` are returned: there is no room for the others, but they are passed.
        """
        recording, begin = self.recording, self.number
        parts: list[bytes] = []
        number, end, reach = begin, begin + count, 0
        ahead = max(READ_AHEAD // block_length, 1)
        while number < end:
            kept = number - begin < most
            want = min(end - number, most - (number - begin) if kept else ahead, reach or count)
            try:
                run = recording.read_run(number, want, block_length)
            except RecordingFault as fault:
                if number < fault.number < number + want:
                    reach = fault.number - number  # what lies before it can be read
                    continue
                self._pass(number)
                raise events.unreadable(end - number, b"".join(parts), cause=fault) from fault
            reach = 0
            number += len(run) // block_length
            self.statistics.read += len(run)
            if kept:
                parts.append(run)
            if len(run) < want * block_length:
                self._stopped(number, end - number, b"".join(parts))
        self.number = number
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _stopped(self, number: int, residual: int, data: bytes) -> None:
        """Something that is no block of the right length comes next."""
        recording = self.recording
        self.number = number
        if number >= recording.objects:
            raise events.behind_the_last_object(recording, residual, data)
        self.number = number + 1
        if recording.block_length(number) is None:
            raise events.filemark(residual, data)
        raise events.incorrect_length(residual, data)

    def _pass(self, number: int) -> None:
        """Leave an object behind that cannot be read; nothing beyond damage can be reached."""
        self.statistics.read_failed()
        self.number = min(number + 1, self.recording.objects)

    # --- writing --------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview, block_length: int, *, each: int = 1) -> None:
        """Record blocks here, whose number times `each` is the unit of INFORMATION. Raises CheckCondition."""
        recording, number = self.recording, self.number
        count = len(data) // block_length
        fits = min(count, self._room() // block_length) if self.cartridge.capacity else count
        before = self.used
        try:
            if fits:
                recording.write(number, data if fits == count else data[: fits * block_length], block_length)
        except RecordingFault as fault:
            self._recorded(recording.objects)
            self.statistics.write_failed()
            raise events.not_recorded(fault, (count - (self.number - number)) * each) from fault
        self._recorded(number + fits)
        self.statistics.written += fits * block_length
        if fits < count:
            raise events.end_of_medium((count - fits) * each)
        self._warn(before)

    def write_filemarks(self, count: int) -> None:
        """Record filemarks here. Raises CheckCondition."""
        recording, number = self.recording, self.number
        fits = min(count, self._room() // FILEMARK_USES) if self.cartridge.capacity else count
        before = self.used
        try:
            if fits:
                recording.write_filemarks(number, fits)
        except RecordingFault as fault:
            self._recorded(recording.objects)
            self.statistics.write_failed()
            raise events.not_recorded(fault, count - (self.number - number)) from fault
        self._recorded(number + fits)
        if fits < count:
            raise events.end_of_medium(count - fits)
        self._warn(before)

    def erase(self) -> None:
        """Have end of data here. Raises CheckCondition."""
        with self.faults():
            self.recording.erase(self.number)
        self._unsynchronized = True

    def format(self) -> None:
        """Have nothing in any partition, and go to the beginning of the first. Raises CheckCondition."""
        with self.faults():
            for recording in self.cartridge.partitions:
                recording.erase(0)
        self._unsynchronized = True
        self.partition = self.number = 0
        self.synchronize()

    def _recorded(self, number: int) -> None:
        self.number = number
        self._unsynchronized = True

    def _room(self) -> int:
        return max(self.cartridge.capacity - self.used, 0)

    def _warn(self, before: int) -> None:
        """Tell of what was reached by recording from where `before` bytes were in use."""
        if not self.cartridge.capacity:
            return
        warning = self._early_warning
        if self.used >= warning:
            if before < warning:
                self.synchronize()  # SEW is one (SSC-3 8.3.3)
            raise events.early_warning()
        if self.warning_zone and before < warning - self.warning_zone <= self.used:
            raise events.programmable_early_warning()

    @property
    def _early_warning(self) -> int:
        return max(self.cartridge.capacity - self.cartridge.early_warning, 0)

    def synchronize(self) -> None:
        """Return when all that was recorded stays. Raises CheckCondition."""
        if self._unsynchronized:
            with self.faults():
                self.cartridge.synchronize()
            self._unsynchronized = False

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn a fault without a residual into what the command ends with."""
        try:
            yield
        except RecordingFault as fault:
            self.statistics.write_failed()
            raise events.not_recorded(fault, None) from fault

    # --- moving ---------------------------------------------------------------------------------

    def space(self, code: int, count: int) -> bool:
        """SPACE; False for a code that is none. Raises CheckCondition."""
        with self._reading_faults():
            landing = space(self.recording, self.number, code, count)
        if landing is not None:
            self._land(landing)
        return landing is not None

    def locate(self, kind: DestinationType, wanted: int, partition: int) -> None:
        """LOCATE in a partition there is. Raises CheckCondition."""
        with self._reading_faults():
            landing = locate(self.cartridge.partitions[partition], kind, wanted)
        self.partition = partition
        self._land(landing)

    def _land(self, landing: Landing) -> None:
        self.number = landing.number
        if landing.event is not None:
            raise landing.event

    @contextmanager
    def _reading_faults(self) -> Iterator[None]:
        """Turn a fault on the way into what the command ends with; the position is as it was."""
        try:
            yield
        except RecordingFault as fault:
            self.statistics.read_failed()
            raise events.unreadable(None, cause=fault) from fault

    def rewind(self) -> None:
        """Go to the beginning of the partition."""
        self.number = 0

    # --- where it is ----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes of the partition that lie before the position."""
        return self.recording.bytes_before(self.number)

    @property
    def behind_early_warning(self) -> bool:
        """EOP of READ POSITION: between early warning and the end of the partition."""
        return bool(self.cartridge.capacity) and self.used >= self._early_warning

    @property
    def behind_programmable_early_warning(self) -> bool:
        """BPEW of READ POSITION."""
        return bool(self.cartridge.capacity) and self.used >= self._early_warning - self.warning_zone
