"""What a disk says of itself: commands, ports, pages; it all comes from the tables that do the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import ProfileError, San, load_profile
from threepce.scsi.block import Capacity16, Read10, Read16, ReadCapacity16, Write10, Write16
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.log import LogPage, LogSense
from threepce.scsi.maintenance import (
    CommandSupport,
    OneCommandHeader,
    ReportingOptions,
    ReportSupportedOperationCodes,
    ReportSupportedTaskManagementFunctions,
    ReportTargetPortGroups,
    TaskManagementFunctions,
    decode_supported_commands,
    decode_target_port_groups,
)
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters
from threepce.scsi.vpd import (
    BlockDeviceCharacteristics,
    BlockLimits,
    ExtendedInquiry,
    LogicalBlockProvisioning,
    ProvisioningType,
    decode_device_identification,
    decode_page,
)
from threepce.scsi.vpd_third_party_copy import (
    GeneralCopyOperations,
    HeldDataDescriptor,
    StreamCopyOperations,
    ThirdPartyCopyParameters,
    ThirdPartyCopyType,
    decode_code_list,
    decode_third_party_copy,
)
from threepce.scsi.vpd_third_party_copy import (
    decode_supported_commands as decode_copy_commands,
)

from .conftest import Bench, sense_of

ROOM = 4096


def ask(bench: Bench, **fields: Any) -> Completion:
    return bench.nexus.execute(0, ReportSupportedOperationCodes(**fields).encode(), data_in_length=ROOM)


def body(bench: Bench, page: int) -> bytes:
    cdb = Inquiry(evpd=True, page_code=page, allocation_length=ROOM).encode()
    return decode_page(page, bench.nexus.execute(0, cdb, data_in_length=ROOM).data_in)


# --- REPORT SUPPORTED OPERATION CODES -------------------------------------------------------------------


def test_every_listed_command_can_be_asked_for_alone(bench: Bench) -> None:
    """SPC-4 6.35: by operation code, or where the code has service actions with one of them."""
    listed = decode_supported_commands(ask(bench).data_in)

    assert len(listed) == len(list(bench.source.commands))
    for command, timeouts in listed:
        options = (ReportingOptions.ONE_OPERATION_CODE, ReportingOptions.ONE_SERVICE_ACTION)
        right = options[command.servactv]
        codes = {
            "requested_operation_code": command.operation_code,
            "requested_service_action": command.service_action,
        }
        head = OneCommandHeader.decode(ask(bench, reporting_options=right, **codes).data_in)
        either = ask(bench, reporting_options=ReportingOptions.ONE_COMMAND, **codes).data_in
        wrong = ask(bench, reporting_options=options[not command.servactv], **codes)

        assert timeouts is None
        assert (head.support, head.cdb_size) == (CommandSupport.AS_THE_STANDARD_SAYS, command.cdb_length)
        assert either[4] == command.operation_code
        assert sense_of(wrong).pointer == FieldPointer(3, None, command=True)


@given(data=st.data())
@settings(deadline=None)
def test_the_usage_data_is_what_is_enforced(data: st.DataObject) -> None:
    """SPC-4 6.35.3: a CDB with a bit that is not in use is refused at that bit's field."""
    san = San(load_profile("spc4"))
    nexus = san.nexus()
    san.add_disk("disk", blocks=8)
    nexus.take_unit_attention(0)
    command = data.draw(st.sampled_from(list(san.units[0].commands)))
    at = data.draw(st.integers(1, command.size - 1))
    bit = data.draw(st.integers(0, 7))
    cdb = bytearray(command.cdb.OPCODE.to_bytes() + bytes(command.size - 1))
    action = command.cdb.SERVICE_ACTION
    if action is not None:
        cdb[1] = action
    if at == 1 and action is not None and bit < 5:
        return  # that would be another command
    cdb[at] |= 1 << bit

    answer = nexus.execute(0, bytes(cdb), data_in_length=ROOM)

    sense = sense_of(answer) if answer.status == Status.CHECK_CONDITION else None
    places = [command.cdb.PLACES[name] for name in command.refused]
    field = next((place.byte for place in places if place.byte <= at < place.end), at)
    points_there = sense is not None and sense.pointer is not None and sense.pointer.byte in (at, field)
    if not command.usage[at] >> bit & 1:
        assert sense is not None
        assert (sense.code, points_there) == ((0x24, 0x00), True)


def test_the_usage_data_of_read_16(bench: Bench) -> None:
    """SBC-3 5.13: DPO and FUA are in use; RDPROTECT, RARC and CONTROL are not."""
    answer = ask(bench, reporting_options=ReportingOptions.ONE_OPERATION_CODE, requested_operation_code=0x88)

    assert answer.data_in[4:].hex() == "8818ffffffffffffffffffffffff1f00"


def test_timeouts_come_where_they_are_asked_for(bench: Bench) -> None:
    """SPC-4 6.35.4: RCTD, in the list and in the answer about one command."""
    listed = decode_supported_commands(ask(bench, rctd=True).data_in)
    one = ask(
        bench, rctd=True, reporting_options=ReportingOptions.ONE_COMMAND, requested_operation_code=0x12
    ).data_in

    assert all(timeouts is not None for _, timeouts in listed)
    assert OneCommandHeader.decode(one).ctdp
    assert len(one) == 4 + 6 + 12


@pytest.mark.parametrize(
    ("option", "code", "action"),
    [(1, 0xFF, 0), (2, 0xFF, 0), (3, 0xFF, 0), (2, 0x9E, 0x1F), (3, 0x12, 1), (3, 0x9E, 0x1F)],
)
def test_a_command_there_is_not_is_said_not_to_be(bench: Bench, option: int, code: int, action: int) -> None:
    """SPC-4 6.35.3: with status GOOD."""
    answer = ask(
        bench,
        reporting_options=option,
        requested_operation_code=code,
        requested_service_action=action,
    )

    assert OneCommandHeader.decode(answer.data_in).support == CommandSupport.NOT_SUPPORTED


def test_an_unknown_reporting_option_is_refused(bench: Bench) -> None:
    """SPC-4 table 288."""
    assert sense_of(ask(bench, reporting_options=4)).pointer == FieldPointer(2, 2, command=True)


def test_lio_61_has_no_such_command(lio: Bench) -> None:
    """target_core_spc: it came with a later kernel; so did nothing else that SPC-4 has and LIO lacks."""
    assert sense_of(ask(lio)).code == (0x24, 0x00)


@pytest.mark.parametrize(("repd", "length"), [(False, 4), (True, 16)])
def test_task_management_functions_are_told(bench: Bench, repd: bool, length: int) -> None:
    """SPC-4 6.36: what RFC 7143 can carry, but for ACA."""
    cdb = ReportSupportedTaskManagementFunctions(repd=repd).encode()

    data = bench.nexus.execute(0, cdb, data_in_length=ROOM).data_in

    found = TaskManagementFunctions.decode(data)
    assert (found.ats, found.atss, found.ctss, found.lurs, found.cacas) == (True, True, True, True, False)
    assert len(data) == length == 4 + found.additional_data_length


# --- ports ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [0, 1])
def test_there_is_one_group_with_one_port(bench: Bench, form: int) -> None:
    """SPC-4 6.37: with the length alone before it, or with the extended header; 83h has the same numbers."""
    data = bench.nexus.execute(
        0, ReportTargetPortGroups(parameter_data_format=form).encode(), data_in_length=64
    ).data_in
    if form:
        assert data[4] == 0x10
        data = (int.from_bytes(data[:4]) - 4).to_bytes(4) + data[8:]

    (group,) = decode_target_port_groups(data)

    inquiry = StandardInquiry.decode(bench.source.standard_inquiry())
    page = bench.nexus.execute(0, Inquiry(evpd=True, page_code=0x83).encode(), data_in_length=96).data_in
    numbers = [int.from_bytes(item.value) for item in decode_device_identification(page)[2:]]
    assert (group.ports, group.descriptor.target_port_group, inquiry.tpgs) == ((1,), 1, 1)
    assert numbers == [group.ports[0], group.descriptor.target_port_group]


def test_an_unknown_format_is_refused(bench: Bench) -> None:
    """SPC-4 table 300."""
    cdb = ReportTargetPortGroups(parameter_data_format=2).encode()

    assert sense_of(bench.nexus.execute(0, cdb, data_in_length=64)).pointer == FieldPointer(
        1, 7, command=True
    )


# --- pages ---------------------------------------------------------------------------------------------


def test_standards_are_claimed(bench: Bench) -> None:
    """SPC-4 6.6.2: SAM-5, SPC-4, SBC-3, iSCSI, in the version descriptors."""
    data = bench.source.standard_inquiry()

    assert (len(data), data[4]) == (96, 91)
    assert data[58:66].hex() == "00a0046004c00960"


def test_limits_are_those_of_the_profile(bench: Bench) -> None:
    """SBC-3 6.6.3; a medium in memory gives back single blocks."""
    limits, disks = BlockLimits.decode(body(bench, 0xB0)), bench.san.profile.disks

    assert limits.maximum_compare_and_write_length == disks.maximum_compare_and_write_length == 255
    assert limits.maximum_unmap_lba_count == disks.maximum_unmap_lba_count
    assert (limits.optimal_unmap_granularity, limits.wsnz) == (1, True)


def test_a_disk_is_thin_does_not_turn_and_has_a_cache(bench: Bench) -> None:
    """SBC-3 6.6.2, 6.6.4, SPC-4 7.8.7; READ CAPACITY(16) agrees."""
    thin = LogicalBlockProvisioning.decode(body(bench, 0xB2))
    capacity = Capacity16.decode(bench.nexus.execute(0, ReadCapacity16().encode(), data_in_length=32).data_in)

    assert BlockDeviceCharacteristics.decode(body(bench, 0xB1)).medium_rotation_rate == 1
    assert (thin.lbpu, thin.lbpws, thin.lbpws10, thin.anc_sup) == (True, True, True, False)
    assert (thin.lbprz, thin.provisioning_type) == (1, ProvisioningType.THIN)
    assert (capacity.lbpme, capacity.lbprz) == (True, True)
    assert ExtendedInquiry.decode(body(bench, 0x86)).v_sup


def test_page_8fh_says_what_the_operating_parameters_say(bench: Bench) -> None:
    """SPC-4 7.8.17, 6.22: the same limits twice, and the commands of the command table."""
    page = bench.nexus.execute(
        0, Inquiry(evpd=True, page_code=0x8F, allocation_length=ROOM).encode(), data_in_length=ROOM
    ).data_in
    found = {item.descriptor_type: item.data for item in decode_third_party_copy(page)[0]}
    limits = OperatingParameters.decode(
        bench.nexus.execute(0, ReceiveCopyOperatingParameters().encode(), data_in_length=520).data_in
    )
    lists = ThirdPartyCopyParameters.decode(found[ThirdPartyCopyType.PARAMETER_DATA])
    general = GeneralCopyOperations.decode(found[ThirdPartyCopyType.GENERAL_COPY_OPERATIONS])
    commands = decode_copy_commands(found[ThirdPartyCopyType.SUPPORTED_COMMANDS])

    assert list(found) == sorted(found)
    assert lists.maximum_cscd_descriptor_count == limits.maximum_cscd_descriptor_count
    assert lists.maximum_segment_descriptor_count == limits.maximum_segment_descriptor_count
    assert lists.maximum_descriptor_list_length == limits.maximum_descriptor_list_length
    assert general.maximum_segment_length == limits.maximum_segment_length
    assert general.total_concurrent_copies == limits.total_concurrent_copies
    codes = decode_code_list(found[ThirdPartyCopyType.SUPPORTED_DESCRIPTORS])
    assert tuple(codes) == limits.implemented_descriptors
    there = {(command.cdb.OPCODE, command.cdb.SERVICE_ACTION) for command in bench.source.commands}
    said = {(command.operation_code, action) for command in commands for action in command.service_actions}
    assert said == {(code, action) for code, action in there if code in (0x83, 0x84)}


def test_page_8fh_tells_of_tapes_and_held_data_where_there_are_any(
    tmp_path: Any, make_bench: Callable[..., Bench]
) -> None:
    """SPC-4 7.8.17.12, 7.8.17.13: only then."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "format: 1\ninherits: spc4\noperating_parameters: "
        "{held_data_limit: 512, held_data_granularity: 9, maximum_stream_device_transfer_size: 65536}\n"
    )
    bench = make_bench(str(path))
    page = bench.nexus.execute(
        0, Inquiry(evpd=True, page_code=0x8F, allocation_length=ROOM).encode(), data_in_length=ROOM
    ).data_in
    found = {item.descriptor_type: item.data for item in decode_third_party_copy(page)[0]}

    held = HeldDataDescriptor.decode(found[ThirdPartyCopyType.HELD_DATA])
    stream = StreamCopyOperations.decode(found[ThirdPartyCopyType.STREAM_COPY_OPERATIONS])
    assert (held.held_data_limit, held.held_data_granularity) == (512, 9)
    assert stream.maximum_stream_device_transfer_size == 65536


@pytest.mark.parametrize("page", [0x86, 0x8F, 0xB1, 0xB2])
def test_lio_61_lacks_pages(lio: Bench, page: int) -> None:
    """target_core_spc: the profile offers what the tests against the kernel have seen."""
    answer = lio.nexus.execute(0, Inquiry(evpd=True, page_code=page).encode(), data_in_length=96)

    assert sense_of(answer).code == (0x24, 0x00)


def test_a_page_that_no_disk_knows_cannot_be_offered(tmp_path: Any) -> None:
    """What a profile promises and nobody implements is refused before anyone asks for it."""
    path = tmp_path / "own.yaml"
    path.write_text("format: 1\ninherits: spc4\nunits: {vpd_pages: [0, 0xc7]}\n")

    with pytest.raises(ProfileError, match="C7h"):
        load_profile(str(path))


# --- LOG SENSE -----------------------------------------------------------------------------------------


def log(bench: Bench, **fields: Any) -> Completion:
    return bench.nexus.execute(0, LogSense(**fields).encode(), data_in_length=252)


def test_every_listed_log_page_can_be_fetched(bench: Bench) -> None:
    """SPC-4 7.3.16: 00h lists the pages, 00h/FFh the pages with their subpages."""
    codes = log(bench, page_code=0).data_in[4:]
    pairs = log(bench, page_code=0, subpage_code=0xFF).data_in[4:]

    assert set(codes) == set(pairs[::2])
    for code in codes[1:]:
        assert LogPage.decode(log(bench, page_code=code).data_in).page_code == code


def test_the_parameter_pointer_says_where_to_begin(bench: Bench) -> None:
    """SPC-4 6.7: the temperature page has parameters 0 and 1."""
    page = LogPage.decode(log(bench, page_code=0x0D, parameter_pointer=1).data_in)

    assert [item.header.parameter_code for item in page.parameters] == [1]


@pytest.mark.parametrize(
    ("fields", "byte"),
    [
        ({"page_code": 0x3E}, 2),
        ({"page_code": 0x0D, "parameter_pointer": 2}, 5),
        ({"page_code": 0x0D, "subpage_code": 0xFF}, 3),
        ({"page_code": 0, "subpage_code": 1}, 3),
        ({"page_code": 0, "sp": True}, 1),
    ],
)
def test_log_parameters_there_are_not_are_refused(bench: Bench, fields: dict[str, Any], byte: int) -> None:
    """SPC-4 6.7: each with a pointer at its field."""
    pointer = sense_of(log(bench, **fields)).pointer

    assert pointer is not None
    assert pointer.byte == byte


# --- what a profile switches off -----------------------------------------------------------------------


@pytest.mark.parametrize("cdb", [Read10, Read16, Write10, Write16])
def test_lio_refuses_fua_without_a_write_cache(lio: Bench, cdb: type[Read16]) -> None:
    """target_core_sbc: sbc_check_dpofua; DPO it takes."""
    data = (b"", 512) if cdb in (Read10, Read16) else (bytes(512), 0)
    fua = lio.nexus.execute(1, cdb(logical_block_address=0, transfer_length=1, fua=True).encode(), *data)
    dpo = lio.nexus.execute(1, cdb(logical_block_address=0, transfer_length=1, dpo=True).encode(), *data)

    assert sense_of(fua).code == (0x24, 0x00)
    assert dpo.status == Status.GOOD


def test_a_profile_names_commands_that_there_are(tmp_path: Any) -> None:
    """With the one that may be meant."""
    path = tmp_path / "own.yaml"
    path.write_text("format: 1\ninherits: spc4\nunits: {commands: [READ CAPACTY(16)]}\n")

    with pytest.raises(ValueError, match=r"did you mean READ CAPACITY\(16\)"):
        load_profile(str(path))
