"""The harness's own commands to units: drain unit attentions, identify, fill, read back.

These must work for a case to mean anything, so what fails here is :class:`UnitTrouble`, an error
of the bench and not a verdict on the copy engine.
"""

from __future__ import annotations

from collections.abc import Callable

from threepce.conformance.scope import UnitFacts
from threepce.conformance.verdict import status_text
from threepce.scsi.block import Read16, Write16
from threepce.scsi.cscd import MAXIMUM_DESIGNATOR_LENGTH
from threepce.scsi.designator import Association, Designator, DesignatorType
from threepce.scsi.nexus import Completion, Nexus
from threepce.scsi.primary import Inquiry, TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.vpd import VpdPage, decode_device_identification

__all__ = ["UnitTrouble", "drain", "identify", "read_blocks", "trouble", "write_blocks"]

LARGEST_TRANSFER = 1 << 20
SMALL_TRANSFER = 1 << 17

Content = Callable[[int, int], bytes]
"""First block and number of blocks: what these hold."""

ATTENTIONS = 16
"""More unit attentions than this in a row are no queue but a unit that is not well."""

PREFERENCE = (
    DesignatorType.NAA,
    DesignatorType.EUI_64,
    DesignatorType.T10_VENDOR_ID,
    DesignatorType.SCSI_NAME_STRING,
)


class UnitTrouble(Exception):
    """A unit does not do what any case needs; says which, what was sent and what it answered."""


def drain(nexus: Nexus, name: str, unit: UnitFacts) -> None:
    """Have a unit report its unit attentions until there are none. Raises UnitTrouble."""
    for _ in range(ATTENTIONS):
        answer = nexus.execute(unit.lun, TestUnitReady().encode())
        sense = Sense.decode(answer.sense)
        if answer.status != Status.CHECK_CONDITION or sense is None or sense.key != SenseKey.UNIT_ATTENTION:
            empty = unit.type == "tape" and sense is not None and sense.key == SenseKey.NOT_READY
            if answer.status != Status.GOOD and not empty:
                raise trouble(name, unit, "TEST UNIT READY", answer)
            return
    raise UnitTrouble(f"unit {name} (LUN {unit.lun}) has reported {ATTENTIONS} unit attentions and has more")


def identify(nexus: Nexus, name: str, unit: UnitFacts) -> Designator:
    """A designator of the unit that a CSCD descriptor can hold, NAA first. Raises UnitTrouble."""
    room = 1024
    cdb = Inquiry(evpd=True, page_code=VpdPage.DEVICE_IDENTIFICATION, allocation_length=room)
    answer = nexus.execute(unit.lun, cdb.encode(), b"", room)
    if answer.status != Status.GOOD:
        raise trouble(name, unit, "INQUIRY for VPD page 83h", answer)
    try:
        designators = decode_device_identification(answer.data_in)
    except ValueError as error:
        raise UnitTrouble(f"unit {name} (LUN {unit.lun}): VPD page 83h makes no sense: {error}") from None
    for kind in PREFERENCE:
        for designator in designators:
            if (
                designator.designator_type == kind
                and designator.association == Association.LOGICAL_UNIT
                and len(designator.value) <= MAXIMUM_DESIGNATOR_LENGTH
            ):
                return designator
    named = ", ".join(map(str, designators)) or "none"
    raise UnitTrouble(
        f"unit {name} (LUN {unit.lun}) has no designator that a CSCD descriptor can hold; it has: {named}"
    )


def write_blocks(
    nexus: Nexus, name: str, unit: UnitFacts, area: range, content: Content, known: Content | None = None
) -> None:
    """Write what `content` says into an area, in commands of at most 1 MiB. Raises UnitTrouble.

    What is the same in `known`, the content that is there already, is left alone.
    """
    step = (LARGEST_TRANSFER if known is None else SMALL_TRANSFER) // unit.block_length
    for first in range(area.start, area.stop, step):
        count = min(step, area.stop - first)
        data = content(first, count)
        if known is not None and known(first, count) == data:
            continue
        cdb = Write16(logical_block_address=first, transfer_length=count).encode()
        answer = nexus.execute(unit.lun, cdb, data)
        if answer.status != Status.GOOD:
            raise trouble(name, unit, f"WRITE(16) of {count} blocks at {first}", answer)


def read_blocks(nexus: Nexus, name: str, unit: UnitFacts, first: int, count: int) -> bytes:
    """What an area holds, read in commands of at most 1 MiB. Raises UnitTrouble."""
    step = LARGEST_TRANSFER // unit.block_length
    data = bytearray()
    for start in range(first, first + count, step):
        blocks = min(step, first + count - start)
        cdb = Read16(logical_block_address=start, transfer_length=blocks).encode()
        answer = nexus.execute(unit.lun, cdb, b"", blocks * unit.block_length)
        what = f"READ(16) of {blocks} blocks at {start}"
        if answer.status != Status.GOOD:
            raise trouble(name, unit, what, answer)
        if len(answer.data_in) != blocks * unit.block_length:
            raise UnitTrouble(f"unit {name} (LUN {unit.lun}): {what} brought {len(answer.data_in)} bytes")
        data += answer.data_in
    return bytes(data)


def trouble(name: str, unit: UnitFacts, what: str, answer: Completion) -> UnitTrouble:
    """What to say of a command of the harness that did not end as it must."""
    sense = Sense.decode(answer.sense)
    ending = status_text(answer.status) + (f" {sense}" if sense else "")
    return UnitTrouble(f"unit {name} (LUN {unit.lun}): {what} ended with {ending}")
