"""What a disk says of itself: VPD pages B0h to B2h and mode pages (SBC-3 6.5, 6.6)."""

from __future__ import annotations

from threepce.emulator.copy_manager_page import copy_manager_pages
from threepce.emulator.mode_parameters import PageDefinition
from threepce.emulator.profile import DiskBehaviour, Profile
from threepce.scsi.mode_pages import CachingModePage, ControlModePage
from threepce.scsi.vpd import (
    BlockDeviceCharacteristics,
    BlockLimits,
    LogicalBlockProvisioning,
    ProvisioningType,
    VpdPage,
)

__all__ = ["disk_page", "mode_pages"]

NOT_ROTATING = 1
READS_ZEROS = 0b001
READABLE_AFTER_ERASE = 0b01
"""SBC-3 6.6.2: after SANITIZE a block can be read without being written first."""


def disk_page(disks: DiskBehaviour, granularity: int, page: int) -> bytes:
    """The body of a page that only disks have. `granularity` is what unmapping gives back, in blocks."""
    if page == VpdPage.BLOCK_LIMITS:
        return _block_limits(disks, granularity).encode()
    if page == VpdPage.BLOCK_DEVICE_CHARACTERISTICS:
        return BlockDeviceCharacteristics(
            medium_rotation_rate=NOT_ROTATING,
            wabereq=READABLE_AFTER_ERASE,
            wacereq=READABLE_AFTER_ERASE,
            fuab=True,
        ).encode()
    if page == VpdPage.LOGICAL_BLOCK_PROVISIONING:
        return _provisioning(disks).encode()
    raise NotImplementedError(f"a disk does not know VPD page {page:02X}h")


def _block_limits(disks: DiskBehaviour, granularity: int) -> BlockLimits:
    return BlockLimits(
        wsnz=disks.write_same_nonzero,
        maximum_compare_and_write_length=disks.maximum_compare_and_write_length,
        maximum_transfer_length=disks.maximum_transfer_length,
        maximum_unmap_lba_count=disks.maximum_unmap_lba_count,
        maximum_unmap_block_descriptor_count=disks.maximum_unmap_block_descriptor_count,
        optimal_unmap_granularity=max(granularity, 1) if disks.thin else 0,
        maximum_write_same_length=disks.maximum_write_same_length,
        maximum_atomic_transfer_length=disks.maximum_atomic_transfer_length,
        atomic_alignment=disks.atomic_alignment,
        atomic_transfer_length_granularity=disks.atomic_transfer_length_granularity,
        maximum_atomic_transfer_length_with_atomic_boundary=(
            disks.maximum_atomic_transfer_length_with_atomic_boundary
        ),
        maximum_atomic_boundary_size=disks.maximum_atomic_boundary_size,
    )


def _provisioning(disks: DiskBehaviour) -> LogicalBlockProvisioning:
    """SBC-3 6.6.4: thin, unmapped by UNMAP and by both WRITE SAME, and zeros then; nothing is anchored."""
    thin = disks.thin
    return LogicalBlockProvisioning(
        lbpu=thin,
        lbpws=thin,
        lbpws10=thin,
        lbprz=READS_ZEROS if thin else 0,
        provisioning_type=ProvisioningType.THIN if thin else ProvisioningType.FULL,
    )


def mode_pages(profile: Profile) -> list[PageDefinition]:
    """Caching, in which WCE can be changed, and control, in which D_SENSE and SWP can, and what T10/99-143r1 has."""
    changes = profile.disks.changes_mode_pages
    return [
        PageDefinition.of(CachingModePage(wce=profile.disks.write_cache), CachingModePage(wce=changes)),
        PageDefinition.of(ControlModePage(), ControlModePage(d_sense=changes, swp=changes)),
        *copy_manager_pages(profile),
    ]
