"""The harness's own commands to tapes: prepare, find out where one stands, read back.

These must work for a case to mean anything; see ``units``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from threepce.conformance.scope import UnitFacts
from threepce.conformance.tape_contents import MOST_OBJECTS, Position, TapeObject
from threepce.conformance.units import UnitTrouble, trouble
from threepce.scsi.layout import DecodeError
from threepce.scsi.mode import ModeBlockDescriptor, ModeData, ModeSelect6
from threepce.scsi.nexus import Completion, Nexus
from threepce.scsi.primary import ModeSense6, TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.stream import Erase6, LoadUnload, StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_position import Locate10, LongPosition, ReadPosition, ReadPositionForm, Rewind

__all__ = ["CommandedDrive", "load", "record", "set_block_length"]

USUAL_BLOCK = 1 << 18
"""How long a block is expected to be; a longer one is read again."""
MODE_DATA = 12
"""Header and block descriptor, as Linux asks for them."""


class CommandedDrive:
    """Tapes by name, over one nexus."""

    def __init__(self, nexus: Nexus, units: Mapping[str, UnitFacts]) -> None:
        self._nexus, self._units = nexus, units

    def position(self, unit: str) -> Position:
        """Where the tape stands. Raises UnitTrouble."""
        size = LongPosition.SIZE
        cdb = ReadPosition(service_action=ReadPositionForm.LONG_FORM).encode()
        answer = self._nexus.execute(self._units[unit].lun, cdb, b"", size)
        try:
            found = LongPosition.decode(answer.data_in)
        except DecodeError:
            raise trouble(unit, self._units[unit], "READ POSITION, long form", answer) from None
        return Position(
            found.partition_number,
            found.logical_object_number,
            found.logical_file_identifier,
            found.bop,
            found.eop,
        )

    def read(self, unit: str, partition: int, first: int, count: int) -> list[TapeObject]:
        """The objects from `first` on, `count` of them or up to the end of data. Raises UnitTrouble."""
        if count > MOST_OBJECTS:
            raise UnitTrouble(f"unit {unit}: {count} objects are more than are read back")
        self._locate(unit, partition, first)
        found: list[TapeObject] = []
        while len(found) < count:
            read = self._read(unit, USUAL_BLOCK)
            if isinstance(read, int):  # it is longer
                self._locate(unit, partition, first + len(found))
                read = self._read(unit, read)
            if read is END:
                break
            found.append(read)  # type: ignore[arg-type]
        return found

    def _locate(self, unit: str, partition: int, number: int) -> None:
        cdb = Locate10(cp=True, partition=partition, logical_object_identifier=number)
        _succeed(self._nexus, unit, self._units[unit], f"LOCATE(10) to object {number}", cdb.encode())

    def _read(self, unit: str, length: int) -> bytes | int | type[END] | None:
        """A block, the length of a longer one, None for a filemark, or the end of data."""
        facts = self._units[unit]
        answer = self._nexus.execute(facts.lun, StreamRead6(transfer_length=length).encode(), b"", length)
        if answer.status == Status.GOOD:
            return answer.data_in
        sense = Sense.decode(answer.sense)
        if sense is not None and sense.filemark:
            return None
        if sense is not None and sense.key == SenseKey.BLANK_CHECK:
            return END
        if sense is not None and sense.ili and sense.information is not None:
            actual = length - _signed(sense.information)
            return answer.data_in[:actual] if actual <= length else actual
        raise trouble(unit, facts, f"READ(6) of {length} bytes", answer)


class END:
    """What `_read` finds where nothing is recorded."""


def _signed(information: int) -> int:
    """INFORMATION of an incorrect length is in two's complement (SSC-3 READ(6))."""
    if information >> 32:
        return information - (1 << 64)
    return information - (1 << 32) if information >> 31 else information


def load(nexus: Nexus, unit: UnitFacts) -> bool:
    """Have the medium loaded; whether there is one."""
    answer = nexus.execute(unit.lun, TestUnitReady().encode())
    if answer.status == Status.GOOD:
        return True
    nexus.execute(unit.lun, LoadUnload(load=True).encode())
    for _ in range(2):  # a medium that was changed is a unit attention first
        answer = nexus.execute(unit.lun, TestUnitReady().encode())
    return answer.status == Status.GOOD


def record(
    nexus: Nexus, name: str, unit: UnitFacts, partitions: Mapping[int, Sequence[TapeObject]], *, blank: bool
) -> None:
    """Record these objects from the beginning, nothing behind them, and rewind. Raises UnitTrouble.

    A cartridge known to be `blank` is not erased.
    """
    for partition, objects in partitions.items():
        if blank and not objects:
            continue
        locate = Locate10(cp=True, partition=partition, logical_object_identifier=0)
        _succeed(nexus, name, unit, "LOCATE(10) to object 0", locate.encode())
        if not objects:
            _succeed(nexus, name, unit, "ERASE(6)", Erase6(long=True).encode())
        for item in objects:
            if item is None:
                _write(nexus, name, unit, "WRITE FILEMARKS(6)", WriteFilemarks6(filemark_count=1).encode())
            else:
                cdb = StreamWrite6(transfer_length=len(item)).encode()
                _write(nexus, name, unit, f"WRITE(6) of {len(item)} bytes", cdb, item)
    _succeed(nexus, name, unit, "REWIND", Rewind().encode())


def set_block_length(nexus: Nexus, name: str, unit: UnitFacts) -> None:
    """Have the drive use the block length of the unit, 0 for a variable one. Raises UnitTrouble."""
    answer = nexus.execute(
        unit.lun, ModeSense6(page_code=0, allocation_length=MODE_DATA).encode(), b"", MODE_DATA
    )
    try:
        data = ModeData.decode6(answer.data_in)
        descriptor = ModeBlockDescriptor.decode(data.block_descriptors)
    except DecodeError:
        raise trouble(name, unit, "MODE SENSE(6) for the block descriptor", answer) from None
    if descriptor.block_length == unit.block_length:
        return
    wanted = replace(descriptor, block_length=unit.block_length).encode()
    chosen = replace(data, block_descriptors=wanted, pages=(), rest=b"").encode6(select=True)
    # The write protect bit is reserved here.
    chosen = chosen[:2] + bytes((chosen[2] & 0x7F,)) + chosen[3:]
    cdb = ModeSelect6(parameter_list_length=len(chosen)).encode()
    _succeed(nexus, name, unit, f"MODE SELECT(6) of block length {unit.block_length}", cdb, chosen)


def _succeed(
    nexus: Nexus, name: str, unit: UnitFacts, what: str, cdb: bytes, data: bytes = b""
) -> Completion:
    answer = nexus.execute(unit.lun, cdb, data)
    if answer.status != Status.GOOD:
        raise trouble(name, unit, what, answer)
    return answer


def _write(nexus: Nexus, name: str, unit: UnitFacts, what: str, cdb: bytes, data: bytes = b"") -> None:
    """Write; beyond early warning all is recorded and told of with EOM (SSC-3 4.2.5)."""
    answer = nexus.execute(unit.lun, cdb, data)
    sense = Sense.decode(answer.sense)
    early = sense is not None and sense.eom and sense.key == SenseKey.NO_SENSE and not sense.information
    if answer.status != Status.GOOD and not early:
        raise trouble(name, unit, what, answer)
