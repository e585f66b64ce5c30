"""The commands of processor devices: messages sent to them and received from them (SPC-2).

Their operation codes mean other commands on disks and tapes.
"""

from __future__ import annotations

from threepce.scsi.cdb import Cdb
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.layout import u8, u24

__all__ = ["PROCESSOR_DEVICES", "ProcessorCdb", "Receive", "Send"]

PROCESSOR_DEVICES = frozenset({int(PeripheralDeviceType.PROCESSOR)})


class ProcessorCdb(Cdb, device_types=PROCESSOR_DEVICES):
    """Base of the commands of processor devices."""


class Receive(ProcessorCdb, opcode=0x08, title="RECEIVE", size=6, ref="SPC-2 RECEIVE"):
    """Fetch a message from the device."""

    allocation_length: int = u24(2)
    control: int = u8(5, default=0)


class Send(ProcessorCdb, opcode=0x0A, title="SEND", size=6, ref="SPC-2 SEND"):
    """Send a message to the device. Asynchronous event reports, once a bit of byte 1, are not known here."""

    transfer_length: int = u24(2)
    control: int = u8(5, default=0)
