"""What a list is refused for before anything is copied, in every dialect, and in which order."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from threepce.emulator.manager.candidate import ListUnderTest, choose_dialect
from threepce.emulator.profile import TooManyCopies
from threepce.scsi.cscd import CscdType, IdentificationCscd
from threepce.scsi.cscd_address import Ipv6Cscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import Lid4Header, ListIdUsage, ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment_copy import EmbeddedToStream
from threepce.scsi.sense import FieldPointer, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid4, ReceiveCopyStatusLid4

from .copies import Copies, profile_with, segment, sense_of

ILLEGAL = SenseKey.ILLEGAL_REQUEST
OLD, SPC_2, LID1, LID4 = Dialect.T10_99_143, Dialect.SPC_2, Dialect.LID1, Dialect.LID4
IN_LIST, LENGTH, IN_CDB = (0x26, 0x00), (0x1A, 0x00), (0x24, 0x00)


def speaking(*dialects: Dialect, **fields: Any) -> Copies:
    return Copies(profile_with(dialects=dialects, **fields))


def patched(data: bytes, table: Any, **fields: int) -> bytes:
    changed = bytearray(data)
    for name, value in fields.items():
        table.override(changed, name, value)
    return bytes(changed)


# What every dialect has.


@pytest.mark.parametrize(("dialect", "header"), [(OLD, 8), (SPC_2, 16), (LID1, 16), (LID4, 48)])
def test_places_are_those_of_the_dialect(dialect: Dialect, header: int) -> None:
    """SPC-4 6.4.2, 6.5: descriptors begin behind a header of 8, 16 or 48 bytes."""
    copies = speaking(LID1 if dialect is LID4 else dialect, LID4)
    lid4 = dialect is LID4
    unknown = dataclasses.replace(copies.cscd(copies.source), descriptor_type_code=0xDF)
    cases = [
        (
            copies.list_of(cscds=[copies.cscd(copies.source), unknown], dialect=dialect),
            (0x26, 0x07),
            header + 32,
        ),
        (
            copies.list_of(segment(0), segment(1, descriptor_type_code=0x20), dialect=dialect),
            (0x26, 0x09),
            header + 64 + 28,
        ),
        (copies.list_of(segment(descriptor_length=0x14), dialect=dialect), IN_LIST, header + 64 + 2),
    ]

    for data, code, byte in cases:
        sense = sense_of(copies.send(data, lid4=lid4))
        assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, code, FieldPointer(byte))
    assert copies.send(copies.list_of(dialect=dialect), lid4=lid4).status == Status.GOOD
    assert copies.copied() == 3


@pytest.mark.parametrize("dialect", [OLD, SPC_2, LID1, LID4])
def test_a_list_that_is_cut_is_refused_wherever_it_is_cut(dialect: Dialect) -> None:
    """SPC-4 6.4.2: PARAMETER LIST LENGTH ERROR, and nothing is copied."""
    copies = speaking(LID1 if dialect is LID4 else dialect, LID4)
    whole = copies.list_of(segment(0), dialect=dialect)

    for length in range(1, len(whole)):
        answer = copies.send(whole[:length], lid4=dialect is LID4)
        assert sense_of(answer).code == LENGTH
    assert copies.send(b"", lid4=dialect is LID4).status == Status.GOOD
    assert copies.copied() == 0


def test_a_failure_in_a_segment_points_at_the_cscd_of_the_dialect() -> None:
    """SPC-4 5.17.7.4: the pointer counts from the start of the list, behind 48 bytes of header too."""
    copies = Copies()
    data = copies.lid4(segment(at := 0, source_block_device_logical_block_address=4095))

    sense = sense_of(copies.send(data, lid4=True))

    assert (sense.code, sense.segment, sense.pointer) == ((0x0D, 0x01), at, FieldPointer(48))


# Which dialect a list is in.


@pytest.mark.parametrize(
    ("spoken", "written", "taken"),
    [
        ((LID1,), LID1, LID1),
        ((SPC_2,), LID1, SPC_2),
        ((OLD,), SPC_2, OLD),
        ((OLD, SPC_2), OLD, OLD),
        ((OLD, SPC_2), SPC_2, SPC_2),
        ((SPC_2, OLD), OLD, OLD),
        ((LID4, SPC_2, OLD), SPC_2, SPC_2),
        ((OLD, LID1, LID4), LID4, OLD),
    ],
)
def test_a_list_tells_which_dialect_it_is_in(
    spoken: tuple[Dialect, ...], written: Dialect, taken: Dialect
) -> None:
    """Where an engine speaks several; else it takes what comes for the one it speaks."""
    copies = Copies()

    assert choose_dialect(copies.list_of(dialect=written), profile_with(dialects=spoken)) is taken


@pytest.mark.parametrize(("spoken", "taken"), [((OLD, SPC_2), OLD), ((SPC_2, OLD), SPC_2)])
def test_a_list_that_does_not_tell_is_in_the_first_dialect(
    spoken: tuple[Dialect, ...], taken: Dialect
) -> None:
    """An empty list looks like both."""
    assert choose_dialect(ParameterList().encode(), profile_with(dialects=spoken)) is taken


def test_an_engine_of_two_dialects_copies_lists_of_both() -> None:
    """The routers that speak T10/99-143r1 and SPC-2 tell from the list."""
    copies = speaking(OLD, SPC_2)

    for number, dialect in enumerate((OLD, SPC_2, OLD)):
        data = copies.list_of(segment(number), dialect=dialect, list_id_usage=ListIdUsage.DISCARD)
        assert copies.send(data).status == Status.GOOD
    assert copies.copied() == 3


def test_an_engine_of_the_first_draft_makes_nothing_of_a_later_list() -> None:
    """It reads a length of segment descriptors that is zero, and CSCD descriptors that are none."""
    copies = speaking(OLD)

    sense = sense_of(copies.send(copies.list_of(dialect=SPC_2)))

    assert (sense.key, sense.code) == (ILLEGAL, (0x26, 0x07))
    assert copies.copied() == 0


def test_an_engine_of_spc_2_makes_nothing_of_the_first_draft() -> None:
    """It reads a length of segment descriptors that is a CSCD descriptor."""
    copies = speaking(SPC_2)

    assert sense_of(copies.send(copies.list_of(dialect=OLD))).code in (LENGTH, (0x26, 0x0B))


def test_an_engine_without_lid4_does_not_have_the_command() -> None:
    """SPC-4 6.35: it is not among the commands either."""
    copies = speaking(LID1)

    sense = sense_of(copies.send(copies.lid4(), lid4=True))

    assert (sense.code, sense.pointer) == (IN_CDB, FieldPointer(1, 4, command=True))
    assert copies.source.commands.named(ExtendedCopyLid4.OPCODE, ExtendedCopyLid4.SERVICE_ACTION) is None


def test_a_profile_can_name_the_commands_there_are() -> None:
    """`copy_manager.commands` is for codes 83h and 84h alone."""
    copies = Copies(profile_with(commands=("EXTENDED COPY(LID1)", "RECEIVE COPY OPERATING PARAMETERS")))

    assert copies.send(copies.list_of()).status == Status.GOOD
    assert sense_of(copies.ask(ReceiveCopyStatusLid4)).code == IN_CDB
    assert copies.send(copies.lid4(), lid4=True).status == Status.CHECK_CONDITION


# The first draft.


def test_the_first_draft_limits_the_whole_list() -> None:
    """T10/99-143r1: inline data counts; SPC-2 and later count descriptors alone."""
    limits = {"maximum_descriptor_list_length": 64 + 28 + 8, "maximum_inline_data_length": 64}
    for dialect, code in ((OLD, LENGTH), (SPC_2, None)):
        copies = speaking(dialect, limits=limits)
        data = copies.list_of(segment(0), dialect=dialect, inline_data=bytes(4))
        answer = copies.send(data)
        assert (sense_of(answer).code if answer.status else None) == code


def test_inline_data_of_the_first_draft_is_whatever_follows() -> None:
    """T10/99-143r1 has no length for it; MAXIMUM INLINE DATA LENGTH is enforced on what came."""
    copies = speaking(OLD, limits={"maximum_inline_data_length": 8})

    assert copies.send(copies.list_of(dialect=OLD, inline_data=bytes(8))).status == Status.GOOD
    answer = copies.send(copies.list_of(dialect=OLD, inline_data=bytes(9)))
    assert sense_of(answer).code == (0x26, 0x0B)


# LIST ID USAGE.


@pytest.mark.parametrize(
    ("dialect", "snlid", "usage", "identifier", "pointer"),
    [
        (LID1, True, ListIdUsage.RESERVED, 1, FieldPointer(1, 4)),
        (LID4, True, ListIdUsage.RESERVED, 1, FieldPointer(1, 4)),
        (LID1, True, ListIdUsage.DISABLE, 0, None),
        (LID1, True, ListIdUsage.DISABLE, 9, FieldPointer(0)),
        (LID1, False, ListIdUsage.DISABLE, 0, FieldPointer(1, 4)),
        (LID4, True, ListIdUsage.DISABLE, 0, None),
        (LID4, False, ListIdUsage.DISABLE, 0, None),
        (LID4, False, ListIdUsage.DISABLE, 9, FieldPointer(20)),
        (LID1, False, ListIdUsage.DISCARD, 9, None),
        (SPC_2, False, ListIdUsage.DISCARD, 9, None),
    ],
)
def test_what_list_id_usage_may_say(
    dialect: Dialect, snlid: bool, usage: ListIdUsage, identifier: int, pointer: FieldPointer | None
) -> None:
    """SPC-4 6.4.3.2: SNLID matters in LID1 alone."""
    copies = speaking(LID1 if dialect is LID4 else dialect, LID4, limits={"snlid": snlid})
    data = copies.list_of(list_identifier=identifier, list_id_usage=usage, dialect=dialect)

    answer = copies.send(data, lid4=dialect is LID4)

    if pointer is None:
        assert answer.status == Status.GOOD
    else:
        sense = sense_of(answer)
        assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, IN_LIST, pointer)
        assert copies.copied() == 0


def test_without_snlid_11b_may_be_taken_for_10b() -> None:
    """SPC-4 6.4.3.2: the other choice of such an engine; then the list identifier counts."""
    rules = ["header", "list id usage, 11b taken for 10b", "list identifier in use"]
    copies = Copies(profile_with(limits={"snlid": False}, rules=rules))
    data = copies.list_of(list_identifier=9, list_id_usage=ListIdUsage.DISABLE)
    running = copies.begin(data)

    assert sense_of(copies.send(data)).code == (0x00, 0x16)
    assert running.finish().status == Status.GOOD
    assert copies.status(9).segments_processed == 3


@pytest.mark.parametrize(("first", "second"), [(LID1, LID1), (LID1, LID4), (LID4, LID1), (LID4, LID4)])
def test_a_list_identifier_in_use_is_refused(first: Dialect, second: Dialect) -> None:
    """SPC-4 5.17.4.3: OPERATION IN PROGRESS; of another nexus it is another one."""
    copies = Copies()
    other = copies.open("other")
    running = copies.begin(copies.list_of(dialect=first), lid4=first is LID4)
    data = copies.list_of(dialect=second)

    sense = sense_of(copies.send(data, lid4=second is LID4))

    assert (sense.key, sense.code) == (ILLEGAL, (0x00, 0x16))
    assert copies.send(data, lid4=second is LID4, nexus=other).status == Status.GOOD
    assert running.finish().status == Status.GOOD
    assert copies.send(data, lid4=second is LID4).status == Status.GOOD


def test_a_profile_may_answer_a_list_identifier_in_use_otherwise() -> None:
    """FreeBSD CTL: 26h/00h, pointing at byte 0."""
    rules = ["header", "list identifier in use, in LID1 and in LID4"]
    copies = Copies(profile_with(rules=rules))
    running = copies.begin(copies.list_of())

    sense = sense_of(copies.send(copies.list_of()))

    assert (sense.code, sense.pointer) == (IN_LIST, FieldPointer(0))
    assert running.finish().status == Status.GOOD
    assert copies.send(copies.list_of()).status == Status.GOOD


def test_a_list_identifier_in_use_is_refused_whatever_the_rules() -> None:
    """Two operations cannot have one identifier."""
    copies = Copies(profile_with(rules=["header"]))
    running = copies.begin(copies.list_of())

    assert sense_of(copies.send(copies.list_of())).code == (0x00, 0x16)
    running.abandon()


# LID4.


@pytest.mark.parametrize(
    ("fields", "byte"),
    [
        ({"parameter_list_format": 0x02}, 0),
        ({"header_cscd_descriptor_list_length": 0}, 2),
        ({"header_cscd_descriptor_type_code": 0xE4}, 16),
    ],
)
def test_the_fixed_fields_of_a_lid4_header(fields: dict[str, int], byte: int) -> None:
    """SPC-4 6.4.2."""
    copies = Copies()

    sense = sense_of(copies.send(patched(copies.lid4(), Lid4Header, **fields), lid4=True))

    assert (sense.code, sense.pointer) == (IN_LIST, FieldPointer(byte))


@pytest.mark.parametrize(
    "fields", [{"g_sense": True}, {"list_id_usage": ListIdUsage.DISABLE, "list_identifier": 0}]
)
def test_immed_goes_with_a_list_identifier_and_without_g_sense(fields: dict[str, Any]) -> None:
    """SPC-4 6.4.2 says INVALID FIELD IN CDB of bits in the list: so nothing is pointed at."""
    copies = Copies()

    sense = sense_of(copies.send(copies.lid4(immed=True, **fields), lid4=True))

    assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, IN_CDB, None)
    assert copies.san.manager.background == ()


@pytest.mark.parametrize("first", [0, 1])
def test_a_profile_says_how_lid4_counts_cscd_descriptors(first: int) -> None:
    """SPC-4 6.4.6.1 leads to 1 for the first one, FreeBSD and python-scsi have 0."""
    copies = Copies(profile_with(lid4_first_cscd_id=first))
    good = segment(source_cscd_id=first, destination_cscd_id=first + 1)
    bad = segment(source_cscd_id=0 if first else 2, destination_cscd_id=first + 1)

    assert copies.send(copies.lid4(good), lid4=True).status == Status.GOOD
    assert copies.copied() == 1
    assert sense_of(copies.send(copies.lid4(bad), lid4=True)).key == SenseKey.COPY_ABORTED
    assert copies.send(copies.list_of(segment(1))).status == Status.GOOD


# Descriptors.


def test_a_descriptor_of_64_bytes_takes_two_places() -> None:
    """SPC-4 6.4.5: the second half starts as an extension, and is no descriptor of its own."""
    copies = Copies()
    both = [
        Ipv6Cscd(ipv6_address=bytes(16), port_number=0),
        copies.cscd(copies.source),
        copies.cscd(copies.destination),
    ]
    data = ParameterList(both, [segment(source_cscd_id=2, destination_cscd_id=3)]).encode()
    profile = profile_with(limits={"implemented_descriptors": (0x02, 0xE4, 0xEA)})

    candidate = ListUnderTest(data, profile)

    assert candidate.cscd_indexes == [0, 2, 3]
    assert candidate.cscd_descriptors[1][0] == CscdType.EXTENSION
    assert [candidate.cscd_offset(index) for index in (0, 2)] == [16, 80]
    assert (candidate.cscd_index(3), candidate.cscd_index(4)) == (3, None)


def test_an_extension_on_its_own_is_no_descriptor() -> None:
    """SPC-4 6.4.5: unsupported where nothing is extended."""
    copies = Copies()
    alone = dataclasses.replace(copies.cscd(copies.source), descriptor_type_code=0xFF)
    data = copies.list_of(cscds=[copies.cscd(copies.source), copies.cscd(copies.destination), alone])

    sense = sense_of(copies.send(data))

    assert (sense.code, sense.pointer) == ((0x26, 0x07), FieldPointer(16 + 64))


def fc_name(**fields: Any) -> IdentificationCscd:
    """A descriptor of another form, as far as the bytes go that all forms share."""
    values: dict[str, Any] = {
        "descriptor_type_code": CscdType.FC_N_PORT_NAME,
        "code_set": 0,
        "association": 0,
        "designator_type": 0,
        "designator_length": 0,
        "designator": bytes(20),
    }
    return IdentificationCscd(**(values | fields))


@pytest.mark.parametrize(
    ("dialect", "fields", "pointer"),
    [
        (LID1, {"lu_id_type": 1}, FieldPointer(80 + 1, 7)),
        (LID1, {"lu_id_type": 3}, FieldPointer(80 + 1, 7)),
        (LID4, {"lu_id_type": 2}, FieldPointer(112 + 1, 7)),
        (SPC_2, {"lu_id_type": 2}, None),
        (LID1, {"lu_id_type": 3, "descriptor_type_code": 0xE4}, None),
        (LID1, {"peripheral_device_type": 1, "fixed": True}, FieldPointer(80 + 29)),
        (LID1, {"peripheral_device_type": 1, "disk_block_length": 512}, FieldPointer(80 + 29)),
        (LID1, {"peripheral_device_type": 1, "fixed": True, "disk_block_length": 512}, None),
        (LID1, {"peripheral_device_type": 1}, None),
        (LID1, {"descriptor_type_code": 0xE4, "designator_length": 21}, FieldPointer(80 + 7)),
        (LID1, {"designator_length": 21}, None),
    ],
)
def test_fields_of_cscd_descriptors_are_looked_at_whether_one_is_named_or_not(
    dialect: Dialect, fields: dict[str, Any], pointer: FieldPointer | None
) -> None:
    """SPC-4 6.4.5.1, 6.4.5.14."""
    copies = speaking(LID1 if dialect is LID4 else dialect, LID4)
    cscds = [copies.cscd(copies.source), copies.cscd(copies.destination), fc_name(**fields)]

    answer = copies.send(copies.list_of(cscds=cscds, dialect=dialect), lid4=dialect is LID4)

    if pointer is None:
        assert answer.status == Status.GOOD
    else:
        sense = sense_of(answer)
        assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, IN_LIST, pointer)


def test_embedded_data_lies_within_its_descriptor() -> None:
    """SPC-4 6.4.6.7: ILLEGAL REQUEST, not COPY ABORTED."""
    copies = Copies()
    embedded = EmbeddedToStream.of(b"12345678", destination_cscd_id=1, stream_device_transfer_length=8)
    longer = dataclasses.replace(embedded.head, embedded_data_number_of_bytes=9)
    data = copies.list_of(segment(0), EmbeddedToStream(longer, embedded.payload))

    sense = sense_of(copies.send(data))

    assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, IN_LIST, FieldPointer(16 + 64 + 28 + 12))
    assert copies.copied() == 0
    assert sense_of(copies.send(copies.list_of(embedded))).key == SenseKey.COPY_ABORTED


def test_a_segment_of_no_known_form_has_no_length_to_be_wrong() -> None:
    """What an engine refuses it for depends on the order of its rules."""
    copies = Copies(profile_with(rules=["header", "segment descriptor length", "segment descriptor types"]))

    sense = sense_of(copies.send(copies.list_of(segment(0, descriptor_type_code=0x20, descriptor_length=24))))

    assert sense.code == (0x26, 0x09)


def test_what_nobody_can_fetch_is_not_held() -> None:
    """SPC-4 6.4.3.2: usage 11b with a segment that holds data; before any segment."""
    copies = Copies()
    fields: dict[str, Any] = {"list_id_usage": ListIdUsage.DISABLE, "list_identifier": 0}
    data = copies.list_of(segment(0), segment(1, hold=True), **fields)

    sense = sense_of(copies.send(data))

    assert (sense.key, sense.code, sense.pointer) == (ILLEGAL, IN_LIST, FieldPointer(16 + 64 + 28))
    assert copies.copied() == 0
    assert copies.send(copies.list_of(segment(0), **fields)).status == Status.GOOD


def test_segments_without_cscd_descriptors_are_refused_by_scst() -> None:
    """SCST: 26h/00h at byte 2."""
    copies = Copies(profile_with(rules=["header", "cscd descriptors for the segments"]))

    sense = sense_of(copies.send(copies.list_of(segment(0), cscds=[])))

    assert (sense.code, sense.pointer) == (IN_LIST, FieldPointer(2))
    assert copies.send(copies.list_of(segment(0))).status == Status.GOOD
    assert copies.send(ParameterList().encode()).status == Status.GOOD


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("cscd descriptor types", "segment descriptor types", (0x26, 0x07)),
        ("segment descriptor types", "cscd descriptor types", (0x26, 0x09)),
    ],
)
def test_the_order_of_the_rules_decides_between_two_faults(
    first: str, second: str, code: tuple[int, int]
) -> None:
    """Engines differ: LIO looks at segments first, SCST at CSCD descriptors."""
    copies = Copies(profile_with(rules=["header", first, second]))
    unknown = dataclasses.replace(copies.cscd(copies.source), descriptor_type_code=0xDF)
    data = copies.list_of(segment(0, descriptor_type_code=0x20), cscds=[unknown])

    assert sense_of(copies.send(data)).code == code


# So many copies at a time.


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (TooManyCopies.TASK_SET_FULL, Status.TASK_SET_FULL, None),
        (TooManyCopies.BUSY, Status.BUSY, None),
        (TooManyCopies.INSUFFICIENT_RESOURCES, Status.CHECK_CONDITION, (0x55, 0x03)),
        (TooManyCopies.ACCEPTED, Status.GOOD, None),
    ],
)
@pytest.mark.parametrize(
    "limits",
    [
        {"maximum_concurrent_copies": 1, "total_concurrent_copies": 9},
        {"maximum_concurrent_copies": 1, "total_concurrent_copies": 0},
        {"maximum_concurrent_copies": 9, "total_concurrent_copies": 1},
    ],
)
def test_so_many_copies_and_no_more(
    answer: TooManyCopies, status: Status, code: tuple[int, int] | None, limits: dict[str, int]
) -> None:
    """SPC-4 6.22.2: MAXIMUM and TOTAL CONCURRENT COPIES; what comes of more the profile says."""
    copies = Copies(profile_with(limits=limits, too_many_copies=answer))
    other = copies.open("other")
    running = copies.begin(copies.list_of())

    refused = copies.send(copies.list_of(), nexus=other)

    assert refused.status == status
    assert code is None or sense_of(refused).code == code
    assert running.finish().status == Status.GOOD
    assert copies.send(copies.list_of(), nexus=other).status == Status.GOOD


def test_copies_without_a_list_identifier_count_in_total_alone() -> None:
    """SPC-4 6.22.2: MAXIMUM CONCURRENT COPIES is of those with an identifier."""
    copies = Copies(profile_with(limits={"maximum_concurrent_copies": 1, "total_concurrent_copies": 3}))
    fields: dict[str, Any] = {"list_id_usage": ListIdUsage.DISABLE, "list_identifier": 0}
    running = [copies.begin(copies.list_of()), copies.begin(copies.list_of(**fields))]
    running.append(copies.begin(copies.list_of(**fields)))

    assert copies.send(copies.list_of(**fields)).status == Status.TASK_SET_FULL
    assert [command.finish().status for command in running] == [Status.GOOD] * 3


@pytest.mark.parametrize("priority", range(8))
def test_any_priority_is_taken(priority: int) -> None:
    """SPC-4 6.4.3.3: a hint."""
    copies = Copies()

    assert copies.send(copies.list_of(priority=priority, str=True)).status == Status.GOOD


@pytest.mark.parametrize(("segments", "cscds"), [(True, False), (False, True)])
def test_a_code_is_of_a_segment_or_of_a_cscd(segments: bool, cscds: bool) -> None:
    """SPC-4 6.4.5, 6.4.6: one space of codes, all of them implemented, and each in its own list."""
    copies = Copies()
    wrong = dataclasses.replace(copies.cscd(copies.source), descriptor_type_code=0x02 if cscds else 0xE4)
    data = copies.list_of(
        segment(0, descriptor_type_code=0xE4 if segments else 0x02),
        cscds=[copies.cscd(copies.source), wrong],
    )

    assert sense_of(copies.send(data)).code == ((0x26, 0x09) if segments else (0x26, 0x07))
