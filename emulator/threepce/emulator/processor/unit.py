"""A processor device: what is sent to it waits, in order, until it is received (SPC-2).

What a processor does with a message is its own business; this one keeps it. A RECEIVE gets bytes of
one message at most: of a longer one the rest stays for the next RECEIVE, and where no message waits
it gets none. Both commands are in conflict with the reservation of another, for both change what
waits. SPC-4 has no such commands any longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import CommandEnded, invalid_field_in_cdb
from threepce.emulator.manager.commands import THIRD_PARTY_COPY_COMMANDS
from threepce.emulator.primary_commands import PRIMARY_COMMANDS
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.processor import Receive, Send
from threepce.scsi.sam import Status

__all__ = ["Processor"]

FIRST_PAGE_OF_DEVICE_TYPE = 0xB0
"""VPD pages from here on belong to a device type (SPC-4 table 589)."""
DEFAULT_CAPACITY = 1 << 26


class Processor(LogicalUnit):
    """A processor device that keeps messages of `capacity` bytes in all; more ends with BUSY."""

    peripheral_device_type = int(PeripheralDeviceType.PROCESSOR)

    def __init__(self, name: str, serial: str, profile: Profile, *, capacity: int = DEFAULT_CAPACITY) -> None:
        super().__init__(name, serial, profile)
        self.capacity = capacity
        self.messages: deque[bytes] = deque()
        self._waiting = 0

    @classmethod
    def entries(cls, profile: Profile) -> Iterable[Entry]:  # noqa: ARG003 - the same under all
        """See LogicalUnit."""
        return (
            *PRIMARY_COMMANDS,
            Entry(Receive, receive, Access.HOLDERS),
            Entry(Send, send, Access.HOLDERS),
            *THIRD_PARTY_COPY_COMMANDS,
        )

    @property
    def vpd_pages(self) -> tuple[int, ...]:
        """See LogicalUnit: none of those that belong to a device type."""
        return tuple(page for page in super().vpd_pages if page < FIRST_PAGE_OF_DEVICE_TYPE)

    def send(self, message: bytes) -> None:
        """Keep a message. Raises CommandEnded with BUSY where there is no room for it."""
        if self._waiting + len(message) > self.capacity:
            raise CommandEnded(Status.BUSY)
        if message:
            self.messages.append(message)
            self._waiting += len(message)

    def receive(self, length: int) -> bytes:
        """Up to so many bytes of the message that waits longest."""
        if not length or not self.messages:
            return b""
        message = self.messages.popleft()
        if len(message) > length:
            self.messages.appendleft(message[length:])
        found = message[:length]
        self._waiting -= len(found)
        return found

    # --- as the copy manager sees it: a stream of messages -----------------------------------------

    def read_blocks(self, length: int, *, fixed: bool) -> bytes:
        """RECEIVE of so many bytes; a processor has no fixed blocks. See StreamUnit."""
        return self.receive(length)

    def write_blocks(self, data: bytes | memoryview, length: int, *, fixed: bool) -> None:
        """SEND of the data as one message. See StreamUnit."""
        self.send(bytes(data))


def receive(invocation: Invocation) -> bytes:
    """RECEIVE: nothing is taken that the transport has no room for."""
    unit = _processor(invocation)
    return unit.receive(min(invocation.cdb.allocation_length, invocation.room))


def send(invocation: Invocation) -> bytes:
    """SEND: no length is no message, and no error."""
    length = invocation.cdb.transfer_length
    if length > len(invocation.data_out):
        raise invalid_field_in_cdb(Send, "transfer_length")
    invocation.taken = length
    _processor(invocation).send(invocation.data_out[:length])
    return b""


def _processor(invocation: Invocation) -> Processor:
    unit = invocation.unit
    assert isinstance(unit, Processor)  # the table is a processor's own
    return unit
