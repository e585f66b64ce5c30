"""What blocks and densities there can be: READ BLOCK LIMITS and REPORT DENSITY SUPPORT (SSC-3)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import not_ready
from threepce.emulator.tape.unit import drive_of
from threepce.scsi import additional_sense as asc
from threepce.scsi.stream_data import (
    BlockLimitsData,
    DensityDescriptor,
    DensitySupport,
    MediumTypeDescriptor,
)

__all__ = ["read_block_limits", "report_density_support"]

MEGABYTE = 10**6
HIGHEST_CAPACITY = 0xFFFFFFFF
ORGANIZATION = b"THREEPCE"


def read_block_limits(invocation: Invocation) -> bytes:
    """READ BLOCK LIMITS: what the profile says."""
    tapes = invocation.unit.profile.tapes
    return BlockLimitsData(
        granularity=tapes.block_length_granularity,
        maximum_block_length_limit=tapes.maximum_block_length,
        minimum_block_length_limit=tapes.minimum_block_length,
    ).encode()


def report_density_support(invocation: Invocation) -> bytes:
    """REPORT DENSITY SUPPORT: the one density, with the capacity of the cartridge that is in.

    With MEDIA the cartridge itself is asked for, so there has to be one.
    """
    drive, cdb = drive_of(invocation), invocation.cdb
    tapes, cartridge = drive.profile.tapes, drive.cartridge
    if cdb.media and cartridge is None:
        raise not_ready(asc.MEDIUM_NOT_PRESENT)
    name = tapes.density_name.encode("ascii")
    if cdb.medium_type:
        return DensitySupport(
            medium_types=(
                MediumTypeDescriptor(
                    medium_type=0,
                    number_of_density_codes=1,
                    primary_density_codes=bytes((tapes.density_code,)).ljust(9, b"\0"),
                    assigning_organization=ORGANIZATION,
                    medium_type_name=name.ljust(8)[:8],
                    description=b"virtual cartridge".ljust(20),
                ),
            )
        ).encode()
    capacity = 0 if cartridge is None else cartridge.capacity * len(cartridge.partitions)
    return DensitySupport(
        densities=(
            DensityDescriptor(
                primary_density_code=tapes.density_code,
                secondary_density_code=tapes.density_code,
                wrtok=True,
                deflt=True,
                capacity=min(capacity // MEGABYTE, HIGHEST_CAPACITY),
                assigning_organization=ORGANIZATION,
                density_name=name.ljust(8)[:8],
                description=b"virtual cartridge".ljust(20),
            ),
        )
    ).encode()
