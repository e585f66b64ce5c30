"""What a tape drive says of itself: VPD page B0h and its mode pages (SSC-3 8.3, 8.5)."""

from __future__ import annotations

from threepce.emulator.cartridge import Cartridge
from threepce.emulator.copy_manager_page import copy_manager_pages
from threepce.emulator.mode_parameters import PageDefinition
from threepce.emulator.profile import Profile
from threepce.scsi.mode_pages import (
    ControlModePage,
    DataCompressionModePage,
    DeviceConfigurationExtensionModePage,
    DeviceConfigurationModePage,
    MediumPartitionModePage,
)
from threepce.scsi.vpd import SequentialAccessCapabilities

__all__ = ["SEQUENTIAL_ACCESS_CAPABILITIES", "medium_partition_page", "mode_pages", "tape_page"]

SEQUENTIAL_ACCESS_CAPABILITIES = 0xB0
STAYS_ON_RESET = 0b10
"""REWIND ON RESET: a reset does not change the position (SSC-3 8.3.3)."""
RECORDS_END_OF_DATA = 0b10
"""SHORT ERASE MODE: ERASE without LONG records end of data where the tape stands."""
APPEND_ONLY = 0b01
"""WRITE MODE; 0 is: overwriting is allowed."""
MEGABYTES = 0b10
"""PSUM: the unit of the partition sizes."""
LARGEST_SIZE = 0xFFFF
WHOLE_FIELD = 0xFFFFFFFF


def tape_page(page: int) -> bytes:
    """The body of a page that only tapes have: no cartridge is WORM."""
    if page == SEQUENTIAL_ACCESS_CAPABILITIES:
        return SequentialAccessCapabilities().encode()
    raise NotImplementedError(f"a tape does not know VPD page {page:02X}h")


def mode_pages(profile: Profile) -> list[PageDefinition]:
    """Control, data compression, device configuration and its extension, medium partition.

    DCE and the algorithms can be set and mean nothing: blocks are kept as they came.
    """
    return [
        PageDefinition.of(ControlModePage(), ControlModePage(d_sense=True, swp=True)),
        PageDefinition.of(
            DataCompressionModePage(dcc=True, dde=True),
            DataCompressionModePage(
                dce=True, dde=True, compression_algorithm=WHOLE_FIELD, decompression_algorithm=WHOLE_FIELD
            ),
        ),
        PageDefinition.of(
            DeviceConfigurationModePage(lois=True, sew=True, rewind_on_reset=STAYS_ON_RESET),
            DeviceConfigurationModePage(swp=True),
        ),
        PageDefinition.of(
            DeviceConfigurationExtensionModePage(short_erase_mode=RECORDS_END_OF_DATA),
            DeviceConfigurationExtensionModePage(write_mode=APPEND_ONLY, pews=0xFFFF),
        ),
        medium_partition_page(None),
        *copy_manager_pages(profile),
    ]


def medium_partition_page(cartridge: Cartridge | None) -> PageDefinition:
    """The partitions of the cartridge that is in: their number is its own, so nothing can be changed."""
    count = 1 if cartridge is None else len(cartridge.partitions)
    size = LARGEST_SIZE
    if cartridge is not None and cartridge.capacity:
        size = min(cartridge.capacity // 10**6, LARGEST_SIZE)
    head = MediumPartitionModePage(
        page_length=MediumPartitionModePage.SIZE - 2 + 2 * count,
        maximum_additional_partitions=count - 1,
        additional_partitions_defined=count - 1,
        fdp=True,
        psum=MEGABYTES,
    ).encode()
    nothing = MediumPartitionModePage(page_length=MediumPartitionModePage.SIZE - 2 + 2 * count).encode()
    return PageDefinition(head + size.to_bytes(2) * count, nothing + bytes(2 * count))
