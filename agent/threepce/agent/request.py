"""What an application asks for, as values: devices, extents, and who copies what where.

Verification here is of the values alone ([0139]); what a device says about itself is not known
here. Block to block only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from threepce.agent.errors import InvalidRequest
from threepce.scsi.nexus import Nexus

__all__ = ["COPY_TIMEOUT", "CopyRequest", "Device", "Extent", "verify_extents"]

COPY_TIMEOUT = 600.0
"""Seconds allowed for one EXTENDED COPY; a copy of 32 MiB may well take longer than a read."""

_ADDRESSES = 1 << 64


@dataclass(frozen=True, slots=True)
class Device:
    """A logical unit that can be sent commands. `name` is what messages call it."""

    nexus: Nexus
    lun: int
    name: str

    def __str__(self) -> str:
        return self.name


class Extent(NamedTuple):
    """Blocks to copy. Each address counts blocks of its own device, the number the source's.

    `cat` is the CAT bit of the segment descriptors made of it (SPC-4 6.4.6.1).
    """

    source_lba: int
    destination_lba: int
    number_of_blocks: int
    cat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """One source, one destination, one copy manager ([0135]), any number of extents in order.

    `extents` must give the same extents each time it is iterated, for all of it is checked
    before anything is written; a list, or an object whose ``__iter__`` starts anew. A block
    length of None is asked of the device; any other must be the device's.
    """

    manager: Device
    source: Device
    destination: Device
    extents: Iterable[Extent]
    source_block_length: int | None = None
    destination_block_length: int | None = None
    source_pad: bool = False
    destination_pad: bool = False
    list_identifier: int = 1
    priority: int = 1
    timeout: float | None = COPY_TIMEOUT

    def verify(self) -> None:
        """Refuse what no device could make sense of. Raises InvalidRequest (Fig. 7 step 704)."""
        if isinstance(self.extents, Iterator):
            raise InvalidRequest(
                str(self.source), "extents", type(self.extents).__name__,
                "can be read once only, and is read once to be checked and again to be copied",
            )  # fmt: skip
        for name, value, limit in (
            ("list identifier", self.list_identifier, 1 << 8),
            ("priority", self.priority, 1 << 3),
        ):
            if not 0 <= value < limit:
                raise InvalidRequest(
                    str(self.manager), name, value, f"must be 0 to {limit - 1} (SPC-4 6.4.3.1)"
                )
        verify_extents(str(self.source), str(self.destination), self.extents)


def verify_extents(source: str, destination: str, extents: Iterable[Extent]) -> None:
    """Refuse addresses outside 64 bits and negative lengths. Raises InvalidRequest."""
    for index, (source_lba, destination_lba, number_of_blocks, _) in enumerate(extents):
        if number_of_blocks < 0:
            raise InvalidRequest(
                source, f"extent {index} number of blocks", number_of_blocks, "is below zero"
            )
        if source_lba < 0 or source_lba + number_of_blocks > _ADDRESSES:
            raise InvalidRequest(
                source,
                f"extent {index} source LBA",
                source_lba,
                f"{number_of_blocks} blocks from there are not within 64 bits",
            )
        if not 0 <= destination_lba < _ADDRESSES:
            raise InvalidRequest(
                destination,
                f"extent {index} destination LBA",
                destination_lba,
                "is not within 64 bits",
            )
