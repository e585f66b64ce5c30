"""What an engine is, as values: identity, limits, units, and how it differs from the standard.

What the copy manager does is in ``copy_behaviour``, tokens are in the package ``tokens``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from threepce.emulator.profile.copy_behaviour import CopyBehaviour
from threepce.emulator.tape_behaviour import NO_TAPES, TapeBehaviour
from threepce.emulator.tokens.behaviour import NO_TOKENS, TokenBehaviour
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.copy_results import OperatingParameters

__all__ = [
    "Deviation",
    "DiskBehaviour",
    "Identity",
    "Profile",
    "ReservedBits",
    "ShortData",
    "UnitBehaviour",
]


class ReservedBits(StrEnum):
    """What becomes of a CDB with a reserved bit set."""

    REFUSED = "refused"
    IGNORED = "ignored"


class ShortData(StrEnum):
    """What becomes of a write for which less data came than its CDB says."""

    REFUSED = "refused"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Standard INQUIRY data, and the company in the NAA designator of a unit."""

    t10_vendor_identification: str
    product_identification: str
    product_revision_level: str
    version: int = 6
    naa_company_id: int = 0
    version_descriptors: tuple[int, ...] = ()
    """Standards claimed (SPC-4 6.6.2); with one of them INQUIRY data has 96 bytes, else 36."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBehaviour:
    """What all logical units of the engine do."""

    vpd_pages: tuple[int, ...] = ()
    reserved_bits: ReservedBits = ReservedBits.REFUSED
    first_unit_attention: AdditionalSense
    descriptor_sense_above_blocks: int = 0
    """Units with more blocks than this send descriptor format sense data; 0: none does."""
    commands: tuple[str, ...] = ()
    """The only commands there are, by title; none given: all that are implemented."""
    short_data_out: ShortData = ShortData.REFUSED
    unit_attention_before_conflict: bool = False
    """Every unit attention goes before RESERVATION CONFLICT, not only those of a reset (SAM-5 5.3.3)."""
    saves_mode_pages: bool = True
    implicit_asymmetric_access: bool = True
    """The unit answers for target port groups: TPGS in INQUIRY data, ports in VPD page 83h."""
    third_party_copy: bool = True
    """3PC of INQUIRY data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskBehaviour:
    """What the disks of the engine do. Lengths are in blocks; 0 is no limit or not offered."""

    thin: bool = True
    write_cache: bool = True
    """The default of WCE."""
    dpofua: bool = True
    changes_mode_pages: bool = True
    removable: bool = False
    maximum_transfer_length: int = 0
    maximum_compare_and_write_length: int = 255
    maximum_unmap_lba_count: int = 0
    maximum_unmap_block_descriptor_count: int = 0
    maximum_write_same_length: int = 0
    write_same_nonzero: bool = False
    """WSNZ: a WRITE SAME of 0 blocks, that is up to the last one, is refused."""
    maximum_atomic_transfer_length: int = 0
    atomic_alignment: int = 0
    atomic_transfer_length_granularity: int = 0
    maximum_atomic_transfer_length_with_atomic_boundary: int = 0
    maximum_atomic_boundary_size: int = 0
    sanitize_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One way in which the engine differs from the standard, and how we know."""

    at: str
    does: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An engine, as a value."""

    name: str
    about: str
    identity: Identity
    units: UnitBehaviour
    disks: DiskBehaviour = DiskBehaviour()
    tapes: TapeBehaviour = NO_TAPES
    operating_parameters: OperatingParameters
    copy_manager: CopyBehaviour
    tokens: TokenBehaviour = NO_TOKENS
    deviations: tuple[Deviation, ...] = ()
    quirks: tuple[str, ...] = ()
    """Defects that lose data or hide what fails, by name: ``threepce.emulator.quirks`` has them."""
    synthetic: tuple[str, ...] = ()
    """Keys whose values no source gives: chosen so that there is an engine, and no facts about any."""
