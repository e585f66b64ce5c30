"""Null logical units: named where a segment needs a device, and reached by no command (SPC-4 6.4.6.1).

A segment that sends its copy source or copy destination no command may name one. The gate to the
devices ends every command to one as a command to what cannot be reached.
"""

from __future__ import annotations

from typing import Any, NoReturn

from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.medium import MemoryMedium
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.sense import FieldPointer

__all__ = ["NullBlockUnit", "NullStreamUnit", "NullUnit"]

BLOCK_LENGTH = 512
"""Of a null block device whose descriptor says nothing: it cannot be asked."""


class NullUnit:
    """A null logical unit. A segment that sends it a command fails with `code`, pointing at its name."""

    name = ""

    def __init__(self, code: AdditionalSense, pointer: FieldPointer, peripheral_device_type: int) -> None:
        self.code, self.pointer = code, pointer
        self.peripheral_device_type = peripheral_device_type

    def unreachable(self, *_: Any, **__: Any) -> NoReturn:
        """Every command ends so. Raises SegmentFault."""
        raise SegmentFault(self.code, self.pointer)


class NullBlockUnit(NullUnit):
    """A null block device, without blocks. See BlockUnit."""

    blocks = 0

    def __init__(
        self,
        code: AdditionalSense,
        pointer: FieldPointer,
        peripheral_device_type: int = PeripheralDeviceType.DIRECT_ACCESS_BLOCK,
        block_length: int = 0,
    ) -> None:
        super().__init__(code, pointer, peripheral_device_type)
        self.block_length = block_length or BLOCK_LENGTH
        self.medium = MemoryMedium(0)

    admit = admit_read = admit_write = wrote = medium_error = NullUnit.unreachable


class NullStreamUnit(NullUnit):
    """A null stream device. See StreamUnit."""

    position = (0, 0)

    def __init__(
        self,
        code: AdditionalSense,
        pointer: FieldPointer,
        peripheral_device_type: int = PeripheralDeviceType.SEQUENTIAL_ACCESS,
    ) -> None:
        super().__init__(code, pointer, peripheral_device_type)

    admit = read_blocks = write_blocks = write_filemarks = space = locate = NullUnit.unreachable
