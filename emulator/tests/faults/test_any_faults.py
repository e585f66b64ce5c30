"""Whatever faults there are, every command ends, and it ends the same way each time."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.emulator.faults import FaultError
from threepce.scsi.block import Read10, Write10
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import Inquiry, TestUnitReady
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.stream import StreamRead6, StreamWrite6
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyStatusLid1

from .strategies import faults

SOURCE, DESTINATION, TAPE = 0, 1, 2
ROOM = 2048


def copy_of(san: San) -> tuple[bytes, bytes]:
    cscds = [IdentificationCscd.of(san.units[lun].designators[0]) for lun in (SOURCE, DESTINATION)]
    segments = [
        BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=2,
            source_block_device_logical_block_address=at,
            destination_block_device_logical_block_address=at,
        )
        for at in (0, 2)
    ]
    data = ParameterList(cscds, segments, list_identifier=1).encode()
    return ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data


COMMANDS: list[tuple[int, bytes, bytes]] = [
    (SOURCE, TestUnitReady().encode(), b""),
    (SOURCE, Inquiry(allocation_length=36).encode(), b""),
    (SOURCE, Read10(logical_block_address=1, transfer_length=4).encode(), b""),
    (SOURCE, Write10(logical_block_address=1, transfer_length=2).encode(), b"\x5a" * 1024),
    (SOURCE, ReceiveCopyStatusLid1(list_identifier=1, allocation_length=12).encode(), b""),
    (TAPE, StreamWrite6(transfer_length=100).encode(), b"\xa5" * 100),
    (TAPE, StreamRead6(transfer_length=100).encode(), b""),
    (DESTINATION, b"", b""),  # stands for the copy, whose bytes depend on the SAN
]


def run(trees: list[dict[str, Any]], sent: list[int]) -> list[object]:
    """What commands end with, and what the disks hold then."""
    san = San(load_profile("spc4"))
    san.add_disk("source", blocks=8)
    san.add_disk("destination", blocks=8)
    san.add_tape("tape", cartridge=memory_cartridge())
    seen: list[object] = []
    for tree in trees:
        try:
            san.faults.add(tree)
        except FaultError as error:  # a name for the second time
            seen.append(error.path)
    for number in sent:
        lun, cdb, data = COMMANDS[number]
        cdb, data = (cdb, data) if cdb else copy_of(san)
        try:
            completion = san.nexus("host").execute(lun, cdb, data, 0 if data else ROOM)
        except (NexusLost, CommandTimeout) as lost:
            seen.append(str(lost))
        else:
            assert isinstance(completion, Completion)
            assert len(completion.data_in) <= ROOM
            seen.append(completion)
    seen += [bytes(san.units[lun].read(0, 8)) for lun in (SOURCE, DESTINATION)]  # type: ignore[attr-defined]
    seen.append([(tree["met"], tree["done"]) for tree in san.faults.told()])
    return seen


def of_any_issuer(tree: dict[str, Any]) -> dict[str, Any]:
    """The same for what the copy manager does too, where that can be."""
    if tree["do"].get("status") == "GOOD":
        return tree
    return {
        **tree,
        "match": {key: value for key, value in tree["match"].items() if key in ("lba", "command")},
    }


stalls = st.builds(lambda segment: {"match": {"segment": segment}, "do": {"stall": True}}, st.integers(0, 2))


@settings(deadline=None)
@given(
    st.lists(st.one_of(faults, faults.map(of_any_issuer), stalls), max_size=5),
    st.lists(st.integers(0, len(COMMANDS) - 1), max_size=8),
)
def test_every_command_ends_as_it_did_before(trees: list[dict[str, Any]], sent: list[int]) -> None:
    assert run(trees, sent) == run(trees, sent)
