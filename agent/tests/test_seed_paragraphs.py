"""Paragraphs [0139] to [0153] of the seed, sentence by sentence: Fig. 7, and Fig. 6 as far as it calls Fig. 7.

Each test names the paragraph whose sentence it holds the function to. What the application does on its
own, steps 604, 606 and 614, is the backup's and the resolve agent's and has its tests there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from threepce.agent import CopyAgent, Device
from threepce.agent.data_entity import DESTINATION_DEVICE, SOURCE_DEVICE, ReturnCode
from threepce.agent.gen_ex_copy import gen_ex_copy
from threepce.scsi.copy_results import FailureDetails
from threepce.scsi.nexus import NexusLost
from threepce.scsi.primary import Inquiry
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyOperatingParameters

from .seed_bench import DRIVE, A, B, C, SeedSan, codes, data, device, inline, source, to_disk, to_tape

Make = Callable[..., SeedSan]

INQUIRY, COPY, RESULTS, WRITES = 0x12, 0x83, 0x84, (0x0A, 0x2A, 0x8A)
OPERATING_PARAMETERS, FAILURE_DETAILS = 3, 4

MEDIUM_ERROR: dict[str, Any] = {
    "match": {"unit": "a", "command": "READ", "lba": 3, "by": "copy manager"},
    "do": {"sense": "MEDIUM ERROR 11h/00h"},
}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(*arguments: Any, **limits: Any) -> SeedSan:
        san = SeedSan(*arguments, **limits)
        monkeypatch.setattr("threepce.agent.gen_ex_copy.SgIoNexus", san.open)
        return san

    return make


def room(length: int = 512) -> bytearray:
    return bytearray(length.to_bytes(2) + b"\xaa" * (length - 2))


def steps(san: SeedSan) -> list[str]:
    """What was asked of the engine, without what was asked of the units."""
    names = {(INQUIRY, 0): "inquiry", (COPY, 0): "copy", (RESULTS, OPERATING_PARAMETERS): "limits"}
    names[RESULTS, FAILURE_DETAILS] = "results"
    found = [names.get((cdb[0], cdb[1] & 0x1F)) for _, cdb in san.commands]
    return [name for name in found if name is not None]


GOOD = to_disk(B, source(A, data(8)))


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("3PCE", replace(GOOD, dev_fn="/dev/\0")),
        ("destination", replace(GOOD, des_dev=device(SOURCE_DEVICE, B))),
        ("data", to_disk(B, source(A, data(8, flags=2)))),
        ("source", to_disk(B, source(A, data(8), flags=0))),
        ("number of sources", replace(GOOD, nae=0)),
        ("number of data", to_disk(B, source(A))),
    ],
)
def test_0139_the_parameters_of_each_element_are_verified(make: Make, part: str, wrong: Any) -> None:
    """[0139]: for each element, of 3PCE, destination, data and sources; before anything else."""
    san = make()
    assert san.call(GOOD, GOOD, wrong) != 0
    assert (san.opened, san.commands) == ([], [])


def test_0140_inquiry_data_of_the_3pce_comes_first(make: Make) -> None:
    """[0140]: by the SCSI command INQUIRY."""
    san = make()
    assert san.call(GOOD) == 0
    first_lun, first_cdb = san.commands[0]
    assert (first_lun, first_cdb[0], first_cdb[1]) == (A, INQUIRY, 0)
    assert Inquiry.decode(first_cdb).evpd is False


def test_0140_an_unsupported_3pce_ends_it_before_a_command_is_made(make: Make) -> None:
    """[0140]: a LUN that is no unit says in its INQUIRY data that it copies nothing."""
    san = make()
    assert san.call(replace(GOOD, dev_fn="/dev/sg9")) == ReturnCode.NON_SUPPORTED_3RD_PARTY_COPY_DEVICE
    assert {cdb[0] for _, cdb in san.commands} == {INQUIRY}


def test_0140_an_inquiry_that_fails_ends_it(make: Make) -> None:
    san = make()
    san.san.faults.add({"match": {"command": "INQUIRY"}, "do": {"sense": "HARDWARE ERROR 44h/00h"}})
    assert san.call(GOOD) == ReturnCode.INQUIRY_ERROR
    assert {cdb[0] for _, cdb in san.commands} == {INQUIRY}


def test_0141_the_operational_parameters_are_obtained(make: Make) -> None:
    """[0141], step 708: behind INQUIRY and before any copy."""
    san = make()
    assert san.call(GOOD) == 0
    assert steps(san)[:2] == ["inquiry", "limits"]
    assert steps(san)[-1] == "copy"
    cdb = next(cdb for _, cdb in san.commands if cdb[0] == RESULTS)
    assert ReceiveCopyOperatingParameters.decode(cdb).allocation_length > 0


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"maximum_cscd_descriptor_count": 1}, 0x1000),
        ({"maximum_segment_descriptor_count": 0}, 0x1000),
        ({"maximum_segment_length": 511}, 0x1000),
        ({"data_segment_granularity": 13}, 0x1000),
        ({"maximum_descriptor_list_length": 91}, 0x7),
        ({"implemented_descriptors": (0xE4,)}, 0x1000),
    ],
)
def test_0141_a_command_that_could_not_adhere_to_them_is_not_made(
    make: Make, limits: dict[str, Any], code: int
) -> None:
    """[0141], step 710: it terminates and returns an error."""
    san = make(**limits)
    assert san.call(GOOD) == code
    assert "copy" not in steps(san)
    assert san.content(B, 0, 8) != san.content(A, 0, 8)


def test_0141_the_limits_are_adhered_to(make: Make) -> None:
    """[0141]: every command of a long copy keeps to all of them."""
    san = make(
        maximum_segment_descriptor_count=3,
        maximum_segment_length=8 * 512,
        maximum_descriptor_list_length=64 + 2 * 28,
    )
    assert san.call(to_disk(B, source(A, data(100)))) == 0
    assert san.content(B, 0, 100) == san.content(A, 0, 100)
    for command in san.copies:
        assert len(command.segment_descriptors) <= 2
        assert all(item.block_device_number_of_blocks <= 8 for item in command.segment_descriptors)


def test_0141_not_all_of_the_operational_parameters_need_be_used(make: Make) -> None:
    """[0141]: an engine that could take more of everything takes the one command there is."""
    san = make(maximum_cscd_descriptor_count=1000, maximum_segment_descriptor_count=1000)
    assert san.call(GOOD) == 0
    (command,) = san.copies
    assert (len(command.cscd_descriptors), len(command.segment_descriptors)) == (2, 1)


@pytest.mark.parametrize(("blocks", "commands"), [(16, 1), (17, 2), (33, 3)])
def test_0142_more_than_one_command_can_move_takes_several(make: Make, blocks: int, commands: int) -> None:
    """[0142], [0045]: two segments of eight blocks are its capacity here."""
    san = make(maximum_segment_descriptor_count=2, maximum_segment_length=8 * 512)
    assert san.call(to_disk(B, source(A, data(blocks)))) == 0
    assert len(san.copies) == commands
    assert san.content(B, 0, blocks) == san.content(A, 0, blocks)


def test_0143_the_list_has_descriptors_inline_data_and_control_information(make: Make) -> None:
    """[0143]: target descriptors, segment descriptors, in-line data and control information."""
    san = make()
    assert san.call(to_tape(inline(data(4, transfer=4)), source(A, data(8, transfer=4096))), ild=b"note") == 0
    (command,) = san.copies
    assert codes(command.cscd_descriptors) == [0xE4, 0xE4]
    assert codes(command.segment_descriptors) == [0x04, 0x00]
    assert command.inline_data == b"note"
    assert (command.list_identifier, command.list_id_usage, command.priority) == (1, 2, 1)


def test_0143_the_types_of_descriptors_depend_on_the_input(make: Make) -> None:
    """[0143]: a disk or a tape, as source or destination."""
    san = make()
    elements = [GOOD, to_tape(source(A, data(8, transfer=4096)))]
    assert san.call(*elements) == 0
    assert [codes(command.segment_descriptors) for command in san.copies] == [[0x02], [0x00]]


def test_0143_the_types_of_descriptors_depend_on_the_3pce(make: Make) -> None:
    """[0143]; which one is chosen for which address is in `test_gen_ex_copy_devices`."""
    san = make(implemented_descriptors=(0x02, 0xE2))
    assert san.call(GOOD) == ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR


def test_0143_too_little_information_for_a_descriptor_is_an_error(make: Make) -> None:
    """[0143]."""
    san = make()
    assert san.call(to_disk(B, source(A, data(8), flags=0))) == ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR


def test_0144_the_command_goes_to_the_3pce_with_the_list_attached(make: Make) -> None:
    """[0144], steps 716 and 718; the 3PCE is the device of dev_fn, whatever is copied."""
    san = make()
    assert san.call(replace(GOOD, dev_fn="/dev/sg2")) == 0
    (record,) = [record for record in san.san.trace if record.cdb[0] == COPY]
    assert record.lun == C
    assert ExtendedCopyLid1.decode(record.cdb).parameter_list_length == record.data_out_length


def test_0145_an_error_has_the_copy_results_fetched(make: Make) -> None:
    """[0145], step 722: RECEIVE COPY RESULTS follows; step 724: it is in rcr."""
    san = make()
    san.san.faults.add(MEDIUM_ERROR)
    rcr = room()
    assert san.call(GOOD, rcr=rcr) == ReturnCode.SCSI_COMMAND_ERROR
    assert steps(san)[-2:] == ["copy", "results"]
    assert rcr[:2] == b"\x02\x00"
    details = FailureDetails.decode(rcr[2:])
    assert details.sense_data_length > 0
    assert details.available_data < 510


@pytest.mark.parametrize("length", [0, 1, 2, 3, 6, 16, 60])
def test_0145_the_error_information_keeps_to_its_array(make: Make, length: int) -> None:
    """[0145], [0044]."""
    san = make()
    san.san.faults.add(MEDIUM_ERROR)
    memory = bytearray(length.to_bytes(2) + b"\xaa" * 98)
    assert san.call(GOOD, rcr=memory) == ReturnCode.SCSI_COMMAND_ERROR
    assert memory[:2] == length.to_bytes(2)
    assert memory[max(length, 2) :] == b"\xaa" * (100 - max(length, 2))
    assert b"\xaa\xaa" not in memory[2:length]


def test_0145_flow_ends_with_the_error(make: Make) -> None:
    """[0145], step 730: no further command, no further element."""
    san = make(maximum_segment_descriptor_count=1, maximum_segment_length=8 * 512)
    san.san.faults.add(MEDIUM_ERROR)
    long = to_disk(B, source(C, data(8)), source(A, data(16, to=100)), source(C, data(8, to=300)))
    assert san.call(long, to_disk(B, source(C, data(8, to=400)))) == ReturnCode.SCSI_COMMAND_ERROR
    assert steps(san).count("copy") == 2
    assert san.content(B, 0, 8) == san.content(C, 0, 8), "what came before it has been copied"
    assert steps(san)[-1] == "results"


def test_0146_flow_goes_on_until_all_of_the_data_is_copied(make: Make) -> None:
    """[0146], [0147]: back to step 714 for the rest of an element, of all its sources."""
    san = make(maximum_segment_descriptor_count=1)
    assert san.call(to_disk(C, source(A, data(8), data(8, at=32, to=32)), source(B, data(8, to=64)))) == 0
    assert len(san.copies) == 3
    assert san.content(C, 0, 8) == san.content(A, 0, 8)
    assert san.content(C, 32, 8) == san.content(A, 32, 8)
    assert san.content(C, 64, 8) == san.content(B, 0, 8)


def test_0147_flow_goes_on_until_all_elements_are_processed(make: Make) -> None:
    """[0147], step 728, [0135]: each element has a 3PCE and a destination of its own, in order."""
    san = make()
    elements = [
        to_disk(B, source(A, data(8)), dev_fn="/dev/sg1"),
        to_disk(C, source(A, data(8, to=8)), dev_fn="/dev/sg2"),
        to_tape(source(B, data(8, transfer=4096)), dev_fn="/dev/sg1"),
    ]
    assert san.call(*elements) == 0
    assert [number for number, cdb in san.commands if cdb[0] == COPY] == [B, C, B]
    assert steps(san).count("inquiry") >= 3
    assert san.recorded == [san.content(A, 0, 8)], "the third copied what the first had written"


def test_0147_success_comes_without_error_information(make: Make) -> None:
    """[0147]."""
    san = make()
    rcr = room()
    assert san.call(GOOD, rcr=rcr) == ReturnCode.SUCCESSFUL
    assert rcr == room()


# Fig. 6: what the application needs of the function at steps 608 to 620.


def test_0149_the_limits_of_a_3pce_can_be_had_before_it_is_chosen(make: Make) -> None:
    """[0149], step 608."""
    san = make(maximum_segment_length=4096)
    agent = CopyAgent(lambda name: Device(san.san.nexus("host"), A, name))
    engine = agent.engine(agent.open("/dev/sg0"))
    assert engine.parameters.maximum_segment_length == 4096
    assert san.copies == []


def test_0150_the_destination_is_the_one_the_application_names(make: Make) -> None:
    """[0150], step 610."""
    san = make()
    for number in (B, C):
        assert san.call(to_disk(number, source(A, data(8)))) == 0
        assert san.content(number, 0, 8) == san.content(A, 0, 8)


def test_0151_a_tape_is_written_from_where_the_application_has_put_it(make: Make) -> None:
    """[0151], step 612: the function does not move it."""
    san = make()
    assert san.call(to_tape(source(A, data(8, transfer=4096)))) == 0
    assert san.call(to_tape(source(B, data(8, transfer=4096)))) == 0
    assert len(san.recorded) == 2
    san.san.nexus("host").execute(DRIVE, bytes((0x01, 0, 0, 0, 0, 0)))
    assert san.call(to_tape(source(C, data(8, transfer=4096)))) == 0
    assert san.recorded == [san.content(C, 0, 8)]


def test_0151_data_in_several_places_and_drives_is_one_unit(make: Make) -> None:
    """[0151], step 614: what the resolve agent has mapped to many extents of many drives, in its order."""
    san = make()
    places = [(A, 100), (B, 7), (A, 20), (C, 300), (B, 9)]
    element = to_tape(*(source(number, data(8, at=at, transfer=4096)) for number, at in places))
    assert san.call(element) == 0
    assert b"".join(san.recorded) == b"".join(san.content(number, at, 8) for number, at in places)
    (command,) = san.copies
    assert len(command.cscd_descriptors) == 4, "each drive is described once"


def test_0152_inline_data_is_optional_and_goes_with_the_data(make: Make) -> None:
    """[0152], steps 616 and 618."""
    san = make()
    assert san.call(to_tape(source(A, data(8, transfer=4096)))) == 0
    assert (
        san.call(to_tape(inline(data(6, transfer=6)), source(A, data(8, transfer=4096))), ild=b"header") == 0
    )
    assert san.recorded == [san.content(A, 0, 8), b"header", san.content(A, 0, 8)]


def test_0153_the_application_can_recover_from_what_it_is_told(make: Make) -> None:
    """[0153], step 620: code and results are enough to go on where the copy ended."""
    san = make(maximum_segment_length=8 * 512)
    san.san.faults.add(MEDIUM_ERROR | {"when": "once", "match": MEDIUM_ERROR["match"] | {"lba": 20}})
    rcr = room()
    assert san.call(to_disk(B, source(A, data(32))), rcr=rcr) == ReturnCode.SCSI_COMMAND_ERROR
    details = FailureDetails.decode(rcr[2:])
    sense = bytes(rcr[2 + FailureDetails.SIZE :][: details.sense_data_length])
    segment = int.from_bytes(sense[10:12]) if sense[0] & 0x7F == 0x70 else None
    assert segment == 2
    done = segment * 8
    assert san.content(B, 0, done) == san.content(A, 0, done)
    assert san.call(to_disk(B, source(A, data(32 - done, at=done, to=done)))) == 0
    assert san.content(B, 0, 32) == san.content(A, 0, 32)


# Every code of the seed, [0110] to [0134], through the public function.


def call_what_cannot_be_opened(san: SeedSan) -> int:
    san.lost = NexusLost("no such device")
    return san.call(GOOD)


def call_with(san: SeedSan, fault: dict[str, Any]) -> int:
    san.san.faults.add(fault)
    return san.call(GOOD)


CODES: dict[int, tuple[dict[str, Any], Callable[[SeedSan], int]]] = {
    0x0: ({}, lambda san: san.call(GOOD)),
    0x1: (
        {},
        lambda san: call_with(
            san, {"match": {"command": "INQUIRY"}, "do": {"status": "RESERVATION CONFLICT"}}
        ),
    ),
    0x2: ({}, lambda san: san.call(replace(GOOD, dev_fn="/dev/sg9"))),
    0x3: ({}, lambda san: san.call()),
    0x4: ({}, lambda san: gen_ex_copy([GOOD], 1, b"", -1, bytearray())),
    0x5: ({}, call_what_cannot_be_opened),
    0x6: ({}, lambda san: call_with(san, MEDIUM_ERROR)),
    0x7: ({"maximum_descriptor_list_length": 91}, lambda san: san.call(GOOD)),
    0x9: ({}, lambda san: san.call(to_disk(B, inline(data(4, transfer=4))), ild=b"note")),
    0xA: (
        {"implemented_descriptors": (0x00, 0xE4)},
        lambda san: san.call(to_tape(inline(data(4, transfer=4))), ild=b"note"),
    ),
    0xB: (
        {"maximum_inline_data_length": 3},
        lambda san: san.call(to_tape(inline(data(4, transfer=4))), ild=b"note"),
    ),
    0x1000: ({"maximum_segment_length": 511}, lambda san: san.call(GOOD)),
    0x1002: ({}, lambda san: san.call(to_disk(B, source(A, data(8), d_bl=520)))),
    0x2001: ({}, lambda san: san.call(replace(GOOD, nae=21))),
    0x2002: ({}, lambda san: san.call(replace(GOOD, des_dev=device(DESTINATION_DEVICE | 1 << 28, B)))),
    0x2003: ({}, lambda san: san.call(to_disk(B, source(A, data(1, at=4096))))),
    0x2004: ({}, lambda san: san.call(to_disk(A, source(A, data(8, to=4))))),
}
"""By code: operating parameters of the engine, and a call that returns it."""


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_returned(make: Make, code: int) -> None:
    """[0109]-[0134], and ours. Nothing was written but where all went well."""
    limits, call = CODES[code]
    san = make(**limits)
    before = san.content(B, 0, 4096)
    assert call(san) == code
    assert (san.content(B, 0, 4096) == before) == (code != 0)


def test_no_code_is_without_a_test() -> None:
    """BROKEN is C's alone; `conformance/tests/test_c_library.py` has it."""
    assert set(CODES) == set(ReturnCode) - {ReturnCode.BROKEN}
