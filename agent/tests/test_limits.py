"""What one command can carry, from operating parameters that engines really send."""

from __future__ import annotations

from dataclasses import replace

import pytest

from threepce.agent.errors import CannotBuildCommand
from threepce.agent.limits import CommandLimits, command_limits
from threepce.scsi.copy_results import OperatingParameters

from .conftest import ARRAY_OPERATING_PARAMETERS, LIO_OPERATING_PARAMETERS

LIO = OperatingParameters.decode(LIO_OPERATING_PARAMETERS)
ARRAY = OperatingParameters.decode(ARRAY_OPERATING_PARAMETERS)
TAPE_ROUTER = OperatingParameters(
    maximum_cscd_descriptor_count=64,
    maximum_segment_descriptor_count=8192,
    maximum_descriptor_list_length=65535,
    maximum_segment_length=0x02000000,
    maximum_inline_data_length=65536,
    held_data_limit=4096,
    maximum_stream_device_transfer_size=0x100000,
    implemented_descriptors=(0x00, 0x02, 0x04, 0x07, 0xE0, 0xE4),
)


def limits(
    parameters: OperatingParameters, source: int = 512, destination: int = 512, cscds: int = 2
) -> CommandLimits:
    return command_limits(
        parameters,
        source_block_length=source,
        destination_block_length=destination,
        cscd_descriptors=cscds,
        party="/dev/sg1",
    )


@pytest.mark.parametrize(
    ("parameters", "block_length", "segments", "blocks"),
    [
        (LIO, 512, 1, 65535),  # 256 MiB cannot be used: the field has 16 bits
        (LIO, 4096, 1, 65535),
        (ARRAY, 512, 1, 65408),  # whole 64 KiB only
        (TAPE_ROUTER, 512, 2338, 65535),  # 65,535 bytes of descriptors, not 8,192 of them
        (replace(LIO, maximum_segment_length=0), 512, 1, 65535),  # 0 is no limit
        (replace(LIO, maximum_segment_length=33553920), 512, 1, 65535),
        (replace(LIO, maximum_segment_length=33553919), 512, 1, 65534),
    ],
)
def test_a_segment_is_as_long_as_the_shortest_limit(
    parameters: OperatingParameters, block_length: int, segments: int, blocks: int
) -> None:
    """SPC-4 6.22.2, 6.4.6.4: bytes of MAXIMUM SEGMENT LENGTH against a 16-bit number of blocks."""
    found = limits(parameters, block_length, block_length)
    assert (found.segments, found.segment_blocks) == (segments, blocks)


def test_the_limiting_party_is_known() -> None:
    assert "16 bits" in limits(LIO).segment_limited_by
    short = replace(LIO, maximum_segment_length=1024)
    assert limits(short).segment_limited_by == "/dev/sg1: MAXIMUM SEGMENT LENGTH"


def test_parameters_that_the_copy_does_not_use_do_not_matter() -> None:
    """[0141]: it might not be necessary to use all of the operational parameters."""
    bare = replace(
        TAPE_ROUTER,
        maximum_inline_data_length=0,
        held_data_limit=0,
        maximum_stream_device_transfer_size=0,
        implemented_descriptors=(0xE4, 0x02),
    )
    assert limits(bare) == limits(TAPE_ROUTER)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"implemented_descriptors": (0x02, 0xE0)}, "IMPLEMENTED DESCRIPTOR LIST"),
        ({"implemented_descriptors": (0x00, 0xE4)}, "IMPLEMENTED DESCRIPTOR LIST"),
        ({"implemented_descriptors": ()}, "IMPLEMENTED DESCRIPTOR LIST"),
        ({"maximum_cscd_descriptor_count": 1}, "MAXIMUM CSCD DESCRIPTOR COUNT"),
        ({"maximum_cscd_descriptor_count": 0}, "MAXIMUM CSCD DESCRIPTOR COUNT"),
        ({"maximum_segment_descriptor_count": 0}, "MAXIMUM SEGMENT DESCRIPTOR COUNT"),
        ({"maximum_descriptor_list_length": 91}, "MAXIMUM DESCRIPTOR LIST LENGTH"),
        ({"maximum_descriptor_list_length": 0}, "MAXIMUM DESCRIPTOR LIST LENGTH"),
        ({"maximum_segment_length": 511}, "MAXIMUM SEGMENT LENGTH"),
        (
            {"maximum_segment_length": 32768, "data_segment_granularity": 16},
            "DATA SEGMENT GRANULARITY",
        ),
        ({"data_segment_granularity": 255}, "DATA SEGMENT GRANULARITY"),
    ],
)
def test_a_limit_in_the_way_is_named_with_its_party(changes: dict[str, object], limit: str) -> None:
    """[0141], step 710: the agent verifies that it can make a valid command, else returns."""
    with pytest.raises(CannotBuildCommand) as refusal:
        limits(replace(LIO, **changes))  # type: ignore[arg-type]
    assert refusal.value.limit == limit
    assert refusal.value.party == "/dev/sg1"
    assert str(refusal.value).startswith(f"/dev/sg1: {limit}: ")


def test_a_segment_length_below_a_block_is_reported_not_divided() -> None:
    """An engine once advertised 1,024 bytes to 4,096-byte units."""
    with pytest.raises(CannotBuildCommand, match="1024 bytes are less than a block of 4096"):
        limits(replace(LIO, maximum_segment_length=1024), 4096, 4096)


@pytest.mark.parametrize(
    ("source", "destination", "granularity", "granule"),
    [
        (512, 512, 0, 1),
        (512, 512, 9, 1),
        (512, 512, 16, 128),
        (4096, 4096, 9, 1),
        (512, 4096, 0, 8),
        (4096, 512, 0, 1),
        (520, 520, 9, 64),
    ],
)
def test_a_segment_is_whole_granules_and_whole_blocks_of_both_units(
    source: int, destination: int, granularity: int, granule: int
) -> None:
    parameters = replace(LIO, data_segment_granularity=granularity)
    found = limits(parameters, source, destination)
    assert found.granule == granule
    assert found.segment_blocks % granule == 0
    assert found.destination_blocks(granule) * destination == granule * source


def test_one_descriptor_leaves_more_room_for_segments() -> None:
    parameters = replace(TAPE_ROUTER, maximum_descriptor_list_length=32 + 28)
    assert limits(parameters, cscds=1).segments == 1
