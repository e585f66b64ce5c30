"""Bytes 28 to 31 of a CSCD descriptor: what they mean for which kind of device.

The PERIPHERAL DEVICE TYPE of the descriptor says which of three tables describes them
(SPC-4 6.4.5.1, table 134). The tables here start at their own byte 0, which is byte 28 there.
"""

from __future__ import annotations

from threepce.scsi.layout import Code, Table, bit, u24

__all__ = [
    "BLOCK_DEVICE_TYPES",
    "STREAM_DEVICE_TYPES",
    "BlockDeviceParameters",
    "DeviceParameters",
    "PeripheralDeviceType",
    "ProcessorDeviceParameters",
    "SequentialDeviceParameters",
    "device_parameters_of",
]


class PeripheralDeviceType(Code):
    """SPC-4 table 173: what kind of device a logical unit is. The kinds a copy can name."""

    DIRECT_ACCESS_BLOCK = 0x00
    SEQUENTIAL_ACCESS = 0x01
    PRINTER = 0x02
    PROCESSOR = 0x03
    WRITE_ONCE = 0x04
    CD_DVD = 0x05
    SCANNER = 0x06
    OPTICAL_MEMORY = 0x07
    MEDIUM_CHANGER = 0x08
    STORAGE_ARRAY_CONTROLLER = 0x0C
    ENCLOSURE_SERVICES = 0x0D
    SIMPLIFIED_DIRECT_ACCESS = 0x0E
    OPTICAL_CARD = 0x0F
    OBJECT_BASED_STORAGE = 0x11
    AUTOMATION_DRIVE_INTERFACE = 0x12
    WELL_KNOWN_LOGICAL_UNIT = 0x1E
    UNKNOWN = 0x1F


class BlockDeviceParameters(Table, size=4, ref="SPC-4 6.4.5.3"):
    """Of a block device. A DISK BLOCK LENGTH of zero asks the copy manager to find it out."""

    pad: bool = bit(0, 2, default=False)
    disk_block_length: int = u24(1, default=0)


class SequentialDeviceParameters(Table, size=4, ref="SPC-4 6.4.5.4"):
    """Of a tape. FIXED and STREAM BLOCK LENGTH are both zero or both not (SPC-4 table 138).

    SILI is a bit of T10/99-143r1 alone: it goes into the READ commands of the copy manager. Later
    texts reserve it and have every READ sent with SILI set to zero.
    """

    pad: bool = bit(0, 2, default=False)
    sili: bool = bit(0, 1, default=False)
    fixed: bool = bit(0, 0, default=False)
    stream_block_length: int = u24(1, default=0)


class ProcessorDeviceParameters(Table, size=4, ref="SPC-4 6.4.5.5"):
    """Of a processor device. T10/99-143r1 has no such form."""

    pad: bool = bit(0, 2, default=False)


DeviceParameters = BlockDeviceParameters | SequentialDeviceParameters | ProcessorDeviceParameters

BLOCK_DEVICE_TYPES = frozenset({0x00, 0x04, 0x05, 0x07, 0x0E})
STREAM_DEVICE_TYPES = frozenset({0x01, 0x03})
"""SPC-4 table 134. Any other device type is reserved in a CSCD descriptor."""


def device_parameters_of(peripheral_device_type: int) -> type[DeviceParameters] | None:
    """The table for bytes 28 to 31 of a descriptor, None for a device type that has none."""
    if peripheral_device_type in BLOCK_DEVICE_TYPES:
        return BlockDeviceParameters
    if peripheral_device_type == PeripheralDeviceType.SEQUENTIAL_ACCESS:
        return SequentialDeviceParameters
    return ProcessorDeviceParameters if peripheral_device_type == PeripheralDeviceType.PROCESSOR else None
