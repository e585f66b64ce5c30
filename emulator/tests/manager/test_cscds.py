"""Which unit a segment means: every form of CSCD descriptor, the special identifiers, null units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.emulator.disk import Disk
from threepce.emulator.manager.cscds import find_unit, resolved_types
from threepce.emulator.manager.null import NullBlockUnit, NullStreamUnit
from threepce.emulator.manager.resolve import BlockUnit, StreamUnit
from threepce.emulator.manager.segments import SegmentFault
from threepce.emulator.names import (
    Address,
    AliasEntry,
    CopyService,
    FibreChannelPort,
    Ieee1394Port,
    Names,
    ParallelPort,
    RdmaPort,
    SasPort,
    ip_portal,
)
from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.processor import Processor
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import Cscd, CscdType, IdentificationCscd, UnknownCscd
from threepce.scsi.cscd_address import (
    FcNPortIdCscd,
    FcNPortIdWithNameCheckCscd,
    FcNPortNameCscd,
    Ieee1394Cscd,
    Ipv4Cscd,
    Ipv6Cscd,
    ParallelInterfaceBtlCscd,
    ParallelInterfaceCscd,
    RdmaCscd,
    SasCscd,
)
from threepce.scsi.cscd_service import AliasCscd, IpCopyServiceCscd
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import ParameterList, header_length
from threepce.scsi.sam import Status, encode_lun
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_143 import StreamToDiscard143
from threepce.scsi.segment_control import VerifyCscd
from threepce.scsi.segment_copy import StreamToDiscard
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1
from threepce.scsi.vpd import decode_device_identification

ABORTED, ILLEGAL = SenseKey.COPY_ABORTED, SenseKey.ILLEGAL_REQUEST
UNREACHABLE, NOT_REACHABLE = (0x08, 0x04), (0x0D, 0x02)
HEADER = 16
NAME, OTHER_NAME = 0x50060E8010203040, 0x50060E8010203041
NAA_5 = Designator.naa(bytes.fromhex("5000c500a0b1c2d3"))
SERVICE = CopyService(ip_address=ip_address("192.0.2.9").packed)


class Fabric:
    """Five units: two disks, a tape, a processor, and a disk that the nexus does not reach."""

    NAMES = ("source", "destination", "tape", "mailbox", "hidden")

    def __init__(
        self,
        profile: Profile,
        names: Mapping[str, Names],
        *,
        hidden: tuple[str, ...] = ("hidden",),
        dialect: Dialect = Dialect.LID1,
    ) -> None:
        copies = replace(profile.copy_manager, dialects=(dialect,))
        self.dialect = dialect
        self.san = San(replace(profile, copy_manager=copies))
        for name in self.NAMES:
            if name == "tape":
                if profile.tapes.offered:
                    self.san.add_tape(name, cartridge=memory_cartridge(), names=names.get(name))
            elif name == "mailbox":
                self.san.add_processor(name, names=names.get(name))
            else:
                self.san.add_disk(name, blocks=64, names=names.get(name))
        self.units = {unit.name: unit for unit in self.san.units.values()}
        reached = {lun: unit for lun, unit in self.san.units.items() if unit.name not in hidden}
        self.nexus = self.san.open_nexus("host", reached)
        for lun in reached:
            while self.nexus.take_unit_attention(lun):
                pass
        self.disk("source").write(0, bytes(range(256)) * 2)

    def disk(self, name: str) -> Disk:
        unit = self.units[name]
        assert isinstance(unit, Disk)
        return unit

    def naa(self, name: str) -> IdentificationCscd:
        unit = self.units[name]
        return IdentificationCscd.of(
            unit.designators[0],
            peripheral_device_type=unit.peripheral_device_type,  # type: ignore[arg-type]
        )

    def send(self, cscds: list[Any], *segments: Any, lun: int = 1) -> Sense | None:
        """The sense data that the list ends with, None for GOOD."""
        data = ParameterList(cscds, segments, dialect=self.dialect).encode()
        cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()
        answer = self.nexus.execute(lun, cdb, data)
        assert (answer.status == Status.GOOD) == (not answer.sense)
        return Sense.decode(answer.sense)

    def copy(self, cscd: Any, *, destination: int | None = None) -> Sense | None:
        """Copy a block from what the descriptor names to the destination disk."""
        index = len(cscd.encode()) // 32 if destination is None else destination
        return self.send([cscd, self.naa("destination")], block_to_block(0, index))

    def copied(self) -> bool:
        return self.disk("destination").read(0, 1) == bytes(range(256)) * 2


def block_to_block(source: int, destination: int, blocks: int = 1) -> BlockToBlock:
    return BlockToBlock(
        source_cscd_id=source,
        destination_cscd_id=destination,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
    )


def at(address: Address) -> Names:
    return Names(addresses=(address,))


IPV4 = ip_portal(ip_address("192.0.2.1"), lun=3)
IPV6 = ip_portal(ip_address("2001:db8::1"), 860, lun=3)
LUN_3 = encode_lun(3)
FORMS: dict[str, tuple[Names, Cscd]] = {
    "E0h": (at(FibreChannelPort(n_port_name=NAME, lun=3)), FcNPortNameCscd(n_port_name=NAME, lu_identifier=LUN_3)),
    "E1h": (at(FibreChannelPort(n_port_id=0x0A0B0C, lun=3)), FcNPortIdCscd(n_port_id=0x0A0B0C, lu_identifier=LUN_3)),
    "E2h": (
        at(FibreChannelPort(n_port_name=NAME, n_port_id=0x0A0B0C, lun=3)),
        FcNPortIdWithNameCheckCscd(n_port_name=NAME, n_port_id=0x0A0B0C, lu_identifier=LUN_3),
    ),
    "E3h": (at(ParallelPort(target_identifier=5, lun=3)), ParallelInterfaceCscd(target_identifier=5, lu_identifier=LUN_3)),
    "E4h": (Names(designators=(NAA_5,)), IdentificationCscd.of(NAA_5)),
    "E5h": (
        at(IPV4),
        Ipv4Cscd(ipv4_address=bytes((192, 0, 2, 1)), port_number=3260, lu_identifier=LUN_3),
    ),
    "E6h": (at(AliasEntry(alias_value=77, lun=3)), AliasCscd(alias_value=77, lu_identifier=LUN_3)),
    "E7h": (
        at(RdmaPort(target_port_identifier=bytes(range(16)), lun=3)),
        RdmaCscd(target_port_identifier=bytes(range(16)), lu_identifier=LUN_3),
    ),
    "E8h": (
        at(Ieee1394Port(eui_64=NAME, directory_id=9, lun=3)),
        Ieee1394Cscd(eui_64=NAME, directory_id=9, lu_identifier=LUN_3),
    ),
    "E9h": (at(SasPort(sas_address=NAME, lun=3)), SasCscd(sas_address=NAME, lu_identifier=LUN_3)),
    "EAh": (
        at(IPV6),
        Ipv6Cscd(ipv6_address=ip_address("2001:db8::1").packed, port_number=860, lu_identifier=LUN_3),
    ),
    "EBh": (
        Names(designators=(NAA_5,), copy_services=(SERVICE,)),
        IpCopyServiceCscd(
            copy_service_ip_address=bytes((192, 0, 2, 9)).ljust(16, b"\0"),
            copy_service_port_number=3260,
            code_set=CodeSet.BINARY,
            designator_type=DesignatorType.NAA,
            designator_length=8,
            designator=NAA_5.value.ljust(20, b"\0"),
        ),
    ),
}  # fmt: skip
NOT_NAMING = {
    "descriptor_type_code", "peripheral_device_type", "pad", "sili", "fixed", "disk_block_length", "nul",
    "relative_initiator_port_identifier", "vendor_specific", "extension_descriptor_type_code", "lu_id_type",
    "iptype",
}  # fmt: skip
"""Fields that say nothing of which unit is meant."""
MEANING = [
    (form, field.name)
    for form, (_, cscd) in FORMS.items()
    for field in fields(cscd)
    if field.name not in NOT_NAMING
]


def changed(descriptor: Any, **values: Any) -> Any:
    """The descriptor with other values in some fields, right or wrong."""
    return replace(descriptor, **values)


def spoilt(cscd: Cscd, field: str) -> Any:
    """The descriptor with another value in a field."""
    value = getattr(cscd, field)
    other = bytes((value[0] ^ 0x01, *value[1:])) if isinstance(value, bytes) else int(value) ^ 1
    return changed(cscd, **{field: other})


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Fabric] = []

    def build(names: Mapping[str, Names] | None = None, profile: str = "spc4", **rest: Any) -> Fabric:
        made.append(Fabric(load_profile(profile), names or {}, **rest))
        return made[-1]

    yield build
    for fabric in made:
        fabric.san.close()


# --- every form -----------------------------------------------------------------------------------------


def test_every_form_that_leads_to_a_unit_has_a_case_here() -> None:
    """All but the form for RODs, which are no units."""
    assert {int(form[:2], 16) for form in FORMS} == resolved_types() - {CscdType.ROD}


@pytest.mark.parametrize("form", FORMS)
def test_a_descriptor_leads_to_the_unit_that_answers_to_it(make: Any, form: str) -> None:
    """SPC-4 6.4.5, 7.6.3."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    assert fabric.copy(cscd) is None
    assert fabric.copied()


@pytest.mark.parametrize(("form", "field"), MEANING)
def test_a_descriptor_that_differs_in_one_field_leads_nowhere(make: Any, form: str, field: str) -> None:
    """SPC-4 5.17.7.4: not reachable, pointing at the descriptor in the parameter list."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    sense = fabric.copy(spoilt(cscd, field))

    assert (ABORTED, NOT_REACHABLE, 0) == (sense.key, sense.code, sense.segment)
    assert sense.pointer == FieldPointer(HEADER)
    assert sense.information is None
    assert not fabric.copied()


@pytest.mark.parametrize("form", FORMS)
def test_a_unit_the_initiator_cannot_reach_is_not_found_for_it(make: Any, form: str) -> None:
    """CVE-2020-28374: naming a unit is no right to it."""
    names, cscd = FORMS[form]
    fabric = make({"hidden": names})

    assert fabric.copy(cscd).code == NOT_REACHABLE
    assert find_unit(fabric.san.nexus("other"), cscd) is fabric.units["hidden"]


@pytest.mark.parametrize("form", FORMS)
def test_what_two_units_answer_to_leads_to_neither(make: Any, form: str) -> None:
    names, cscd = FORMS[form]
    fabric = make({"source": names, "tape": names})

    assert fabric.copy(cscd).code == NOT_REACHABLE


@pytest.mark.parametrize("form", FORMS)
def test_a_unit_the_initiator_cannot_reach_makes_no_name_ambiguous(make: Any, form: str) -> None:
    names, cscd = FORMS[form]
    fabric = make({"source": names, "hidden": names})

    assert fabric.copy(cscd) is None
    assert fabric.copied()


@pytest.mark.parametrize("form", FORMS)
def test_another_kind_of_device_than_stated_is_refused(make: Any, form: str) -> None:
    """SPC-4 6.4.5.1: INCORRECT COPY TARGET DEVICE TYPE, pointing at PERIPHERAL DEVICE TYPE."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    sense = fabric.copy(changed(cscd, peripheral_device_type=0x05))

    assert (ABORTED, (0x0D, 0x03), FieldPointer(HEADER + 1, 4)) == (sense.key, sense.code, sense.pointer)


@pytest.mark.parametrize("form", FORMS)
def test_another_block_length_than_stated_is_refused(make: Any, form: str) -> None:
    """SPC-4 6.4.5.3: pointing at DISK BLOCK LENGTH; zero asks the copy manager to find it out."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    sense = fabric.copy(changed(cscd, disk_block_length=4096))

    assert (ABORTED, (0x26, 0x00), FieldPointer(HEADER + 29)) == (sense.key, sense.code, sense.pointer)
    assert fabric.copy(changed(cscd, disk_block_length=512)) is None


def test_an_engine_may_not_look_at_what_else_the_descriptor_says() -> None:
    """LIO and its like take the unit for what it is."""
    profile = load_profile("spc4")
    behaviour = replace(profile.copy_manager, cscd_fields_checked=False)
    careless = Fabric(replace(profile, copy_manager=behaviour), {})

    assert (
        careless.copy(changed(careless.naa("source"), peripheral_device_type=0x05, disk_block_length=9))
        is None
    )
    assert careless.copied()


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"EBh"}))
def test_the_initiator_port_to_use_means_nothing_within_one_device(make: Any, form: str) -> None:
    """SPC-4 6.4.5.1: RELATIVE INITIATOR PORT IDENTIFIER is ignored there."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    assert fabric.copy(changed(cscd, relative_initiator_port_identifier=0x1234)) is None


@pytest.mark.parametrize("lu_id_type", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_the_type_of_lu_identifier_is_checked_where_there_is_one(
    make: Any, form: str, lu_id_type: int
) -> None:
    """SPC-4 6.4.5.1: no proxy tokens, two values are reserved; E4h and EBh ignore the field."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    sense = fabric.copy(changed(cscd, lu_id_type=lu_id_type))

    if form in ("E4h", "EBh"):
        assert sense is None
    else:
        assert (ILLEGAL, (0x26, 0x00), FieldPointer(HEADER + 1, 7)) == (sense.key, sense.code, sense.pointer)


@pytest.mark.parametrize("form", FORMS)
def test_a_profile_takes_the_forms_it_advertises_and_no_others(make: Any, form: str) -> None:
    """SPC-4 6.4.5: UNSUPPORTED TARGET DESCRIPTOR TYPE CODE."""
    names, cscd = FORMS[form]
    fabric = make({"source": names}, profile="disk-array")

    sense = fabric.copy(cscd)

    assert (sense is None) == (form == "E4h")
    assert sense is None or (ILLEGAL, (0x26, 0x07)) == (sense.key, sense.code)


# --- forms with something of their own -------------------------------------------------------------------


@pytest.mark.parametrize("form", ["EAh", "EBh"])
def test_a_long_descriptor_takes_two_indexes_and_the_second_has_no_name(make: Any, form: str) -> None:
    """SPC-4 6.4.5.2: INVALID FIELD, pointing at the identifier in the segment."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    assert fabric.copy(cscd, destination=2) is None
    sense = fabric.copy(cscd, destination=1)

    assert (ABORTED, (0x26, 0x00)) == (sense.key, sense.code)
    assert sense.pointer == FieldPointer(6, segment=True)


@pytest.mark.parametrize("form", ["EAh", "EBh"])
def test_the_second_half_of_a_long_descriptor_must_be_an_extension(make: Any, form: str) -> None:
    """SPC-4 6.4.5.2: byte 32 is FFh; the pointer is to where it is not."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    sense = fabric.copy(changed(cscd, extension_descriptor_type_code=0xFE))

    assert (ABORTED, (0x26, 0x00), FieldPointer(HEADER + 32)) == (sense.key, sense.code, sense.pointer)


def test_a_long_descriptor_without_its_second_half_leads_nowhere(make: Any) -> None:
    names, cscd = FORMS["EAh"]
    fabric = make({"source": names})
    cut = UnknownCscd(0xEA, cscd.encode()[:32])

    sense = fabric.send([fabric.naa("destination"), cut], block_to_block(1, 0))

    assert (ABORTED, NOT_REACHABLE, FieldPointer(HEADER + 32)) == (sense.key, sense.code, sense.pointer)


def test_an_n_port_with_its_identifier_but_another_name_is_not_meant(make: Any) -> None:
    """SPC-4 7.6.3.4: E1h leads there, E2h does not."""
    port = FibreChannelPort(n_port_name=OTHER_NAME, n_port_id=0x0A0B0C, lun=3)
    fabric = make({"source": at(port)})

    assert fabric.copy(FORMS["E1h"][1]) is None
    sense = fabric.copy(FORMS["E2h"][1])

    assert (ABORTED, NOT_REACHABLE, FieldPointer(HEADER)) == (sense.key, sense.code, sense.pointer)


def test_name_and_identifier_must_be_those_of_one_port(make: Any) -> None:
    """SPC-4 7.6.3.4: a unit with both, but of two ports, is not meant."""
    ports = (
        FibreChannelPort(n_port_name=NAME, n_port_id=1, lun=3),
        FibreChannelPort(n_port_name=OTHER_NAME, n_port_id=0x0A0B0C, lun=3),
    )
    fabric = make({"source": Names(addresses=ports)})

    assert fabric.copy(FORMS["E2h"][1]).code == NOT_REACHABLE


def test_a_unit_behind_two_ports_of_one_name_is_one_unit(make: Any) -> None:
    ports = tuple(FibreChannelPort(n_port_name=NAME, n_port_id=number, lun=3) for number in (1, 2))
    fabric = make({"source": Names(addresses=ports)})

    assert fabric.copy(FORMS["E0h"][1]) is None


def test_a_unit_under_two_luns_of_the_nexus_is_one_unit(make: Any) -> None:
    fabric = make()
    unit = fabric.units["source"]
    nexus = EmulatorNexus(fabric.san, "twice", {0: unit, 1: unit})

    assert find_unit(nexus, fabric.naa("source")) is unit


@pytest.mark.parametrize("lun", ["4003000000000000", "0003000000000000"])
def test_a_lun_is_the_same_in_both_ways_to_write_it(make: Any, lun: str) -> None:
    """SAM-5 4.7.7: peripheral and flat space addressing."""
    names, cscd = FORMS["E9h"]
    fabric = make({"source": names})

    assert fabric.copy(changed(cscd, lu_identifier=bytes.fromhex(lun))) is None


@pytest.mark.parametrize("lun", ["c101000000000000", "0003000100000000", "0103000000000000"])
def test_a_lun_of_another_kind_names_no_unit_here(make: Any, lun: str) -> None:
    """SAM-5 4.7: well-known, on a second level, on another bus."""
    names, cscd = FORMS["E9h"]
    fabric = make({"source": names})

    assert fabric.copy(changed(cscd, lu_identifier=bytes.fromhex(lun))).code == NOT_REACHABLE


def test_which_bus_is_said_in_the_oldest_dialect_alone(make: Any) -> None:
    """T10/99-143r1 B_T_L; since SPC-2 the byte is vendor specific, and two buses are ambiguous."""
    ports = {
        "source": at(ParallelPort(bus=0, target_identifier=5, lun=3)),
        "hidden": at(ParallelPort(bus=1, target_identifier=5, lun=3)),
    }
    old, new = (make(ports, hidden=(), dialect=dialect) for dialect in (Dialect.T10_99_143, Dialect.LID1))

    by_bus = ParallelInterfaceBtlCscd(bus=0, target_identifier=5, lu_identifier=LUN_3)
    assert old.copy(by_bus) is None
    assert old.copied()
    assert new.copy(FORMS["E3h"][1]).code == NOT_REACHABLE


# --- designators ------------------------------------------------------------------------------------------


EXTRA = (
    NAA_5,
    Designator.naa(bytes.fromhex("6000c500a0b1c2d300000000000000ff")),
    Designator(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.EUI_64, bytes(range(8))),
    Designator(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.EUI_64, bytes(range(16))),
    Designator(CodeSet.UTF_8, Association.LOGICAL_UNIT, DesignatorType.SCSI_NAME_STRING, b"naa.5000c500\0\0\0\0"),
    Designator(CodeSet.ASCII, Association.LOGICAL_UNIT, DesignatorType.VENDOR_SPECIFIC, b"first shelf"),
    Designator(CodeSet.ASCII, Association.LOGICAL_UNIT, DesignatorType.T10_VENDOR_ID, b"EXAMPLE DISK 1"),
    Designator(CodeSet.BINARY, Association.TARGET_PORT, DesignatorType.NAA, bytes.fromhex("5000c500a0b1c2d4")),
)  # fmt: skip


@pytest.mark.parametrize("designator", EXTRA, ids=str)
def test_every_designator_of_a_unit_leads_to_it_and_is_in_its_page(make: Any, designator: Designator) -> None:
    """SPC-4 6.4.5.6, 7.8.6: those of the unit, and those of the port it is reached through."""
    fabric = make({"source": Names(designators=EXTRA)})

    assert fabric.copy(IdentificationCscd.of(designator)) is None
    assert designator in decode_device_identification(fabric.units["source"].vpd_page(0x83))


@pytest.mark.parametrize("length", [0, 1, 8, 15])
def test_a_prefix_of_a_designator_is_no_name(make: Any, length: int) -> None:
    """SCST once took one unit for another so."""
    fabric = make()
    name = fabric.units["source"].designators[0].value

    sense = fabric.copy(IdentificationCscd.of(Designator.naa(name[:length])))

    assert sense.code == NOT_REACHABLE


@pytest.mark.parametrize("form", ["E4h", "EBh"])
def test_a_longer_designator_than_fits_is_no_name(make: Any, form: str) -> None:
    """SPC-4 6.4.5.6: 20 bytes at most. For E4h there is a rule beside; a profile may be without it."""
    names, cscd = FORMS[form]
    fabric = make({"source": names})

    assert find_unit(fabric.nexus, changed(cscd, designator_length=21)) is None


def test_the_name_of_a_port_that_all_units_share_is_ambiguous(make: Any) -> None:
    """SPC-4 7.8.6: every unit has the relative target port in its page 83h."""
    shared = Designator(
        CodeSet.BINARY, Association.TARGET_PORT, DesignatorType.RELATIVE_TARGET_PORT, (1).to_bytes(4)
    )
    several = make()
    alone = make(hidden=("destination", "tape", "mailbox", "hidden"))

    assert several.copy(IdentificationCscd.of(shared)).code == NOT_REACHABLE
    assert find_unit(alone.nexus, IdentificationCscd.of(shared)) is alone.units["source"]


@pytest.mark.parametrize("pad_left", [True, False])
def test_an_ipv4_address_of_a_copy_service_may_be_padded_on_either_side(make: Any, pad_left: bool) -> None:
    """SPC-4 6.4.5.8 pads it with zeros; on which side is not certain."""
    names, cscd = FORMS["EBh"]
    fabric = make({"source": names})
    address = SERVICE.ip_address.rjust(16, b"\0") if pad_left else SERVICE.ip_address.ljust(16, b"\0")

    assert fabric.copy(changed(cscd, copy_service_ip_address=address)) is None


# --- no unit outside the nexus, whatever it is called -----------------------------------------------------


CSCDS = st.sampled_from([cscd for _, cscd in FORMS.values()])
NAMES = st.lists(st.sampled_from([names for names, _ in FORMS.values()]), max_size=3)


@given(
    cscd=CSCDS,
    names=st.lists(NAMES, min_size=4, max_size=4),
    reached=st.sets(st.integers(0, 3)),
    field=st.none() | st.integers(0, 30),
)
def test_resolution_never_leaves_the_nexus(
    cscd: Cscd, names: list[list[Names]], reached: set[int], field: int | None
) -> None:
    """Against a model: the one unit of the nexus that was given the names that the descriptor was made of."""
    profile = load_profile("spc4")
    san = San(profile)
    for number, several in enumerate(names):
        unit = Processor(f"unit {number}", str(number), profile)
        unit.answer_to(
            Names(
                designators=tuple(d for one in several for d in one.designators),
                addresses=tuple(a for one in several for a in one.addresses),
                copy_services=tuple(s for one in several for s in one.copy_services),
            )
        )
        san.units[number] = unit
    nexus = san.open_nexus("host", {lun: san.units[lun] for lun in reached})
    if field is not None:
        kinds = [f.name for f in fields(cscd) if f.name not in NOT_NAMING]
        cscd = spoilt(cscd, kinds[field % len(kinds)])

    found = find_unit(nexus, cscd)

    assert found is None or found in nexus.units()
    if field is None:
        # E1h and E2h lead to ports that also have, or lack, the other's name.
        assert found is _model(san.units, reached, cscd)
    else:
        assert found is None


def _model(units: dict[int, LogicalUnit], reached: set[int], cscd: Cscd) -> LogicalUnit | None:
    form = f"{cscd.CODE:02X}h"
    also = {"E0h": ["E0h", "E2h"], "E1h": ["E1h", "E2h"], "E4h": ["E4h", "EBh"]}.get(form, [form])
    wanted = [FORMS[one][0] for one in also]
    answering = [
        unit
        for lun, unit in units.items()
        if lun in reached
        and any(
            set(names.addresses) <= set(unit.names.addresses)
            and set(names.designators) <= set(unit.names.designators)
            and set(names.copy_services) <= set(unit.names.copy_services)
            for names in wanted
        )
    ]
    return answering[0] if len(answering) == 1 else None


# --- identifiers without a descriptor ----------------------------------------------------------------------


def test_the_identifier_of_the_copy_manager_is_the_unit_that_was_asked(make: Any) -> None:
    """SPC-4 table 148: FFFFh."""
    fabric = make()

    assert fabric.send([fabric.naa("source")], block_to_block(0, 0xFFFF), lun=1) is None
    assert fabric.copied()
    assert fabric.send([fabric.naa("destination")], block_to_block(0xFFFF, 0, 2), lun=0) is None
    assert fabric.disk("destination").read(1, 1) == bytes(512)


@pytest.mark.parametrize("identifier", [1, 0x07FF, 0x0800, 0xBFFF, 0xC002, 0xF800, 0xFFFE])
@pytest.mark.parametrize(("field", "byte"), [("source_cscd_id", 4), ("destination_cscd_id", 6)])
def test_an_identifier_that_leads_nowhere_is_pointed_at(
    make: Any, identifier: int, field: str, byte: int
) -> None:
    """SPC-4 5.17.7.4: UNREACHABLE COPY TARGET, in the segment, for there is no descriptor."""
    fabric = make()

    sense = fabric.send([fabric.naa("source")], changed(block_to_block(0, 0), **{field: identifier}))

    assert (ABORTED, UNREACHABLE) == (sense.key, sense.code)
    assert sense.pointer == FieldPointer(byte, segment=True)


def test_a_cscd_and_the_receiving_unit_are_pointed_at_in_the_segment_that_names_them(make: Any) -> None:
    """What was found for one segment is not told of another: the field may be the other one."""
    fabric = make()
    copies = [block_to_block(0xFFFF, 0, 0), block_to_block(0, 0xFFFF, 1)]
    fabric.disk("destination").write_protected = True

    sense = fabric.send([fabric.naa("source")], *copies, lun=1)

    assert (sense.segment, sense.pointer) == (1, FieldPointer(6, segment=True))


@pytest.mark.parametrize(
    ("profile", "dialect"),
    [("disk-array", Dialect.LID1), ("spc4", Dialect.SPC_2), ("spc4", Dialect.T10_99_143)],
)
@pytest.mark.parametrize("identifier", [0xC000, 0xC001, 0xFFFF])
def test_special_identifiers_are_of_spc_4_and_of_profiles_that_have_them(
    make: Any, profile: str, dialect: Dialect, identifier: int
) -> None:
    """The texts before it have indexes alone."""
    fabric = make(profile=profile, dialect=dialect)

    assert fabric.send([fabric.naa("destination")], block_to_block(identifier, 0, 0)).code == UNREACHABLE


def test_a_special_identifier_without_a_meaning_for_a_segment_leads_nowhere() -> None:
    """F800h is for the ROD PRODUCER field alone, whatever a profile names (SPC-4 table 148)."""
    profile = load_profile("spc4")
    behaviour = replace(profile.copy_manager, special_cscd_ids=(0xF800,))
    fabric = Fabric(replace(profile, copy_manager=behaviour), {})

    sense = fabric.send([fabric.naa("source")], block_to_block(0xF800, 0))

    assert sense is not None
    assert sense.code == UNREACHABLE


# --- null units ----------------------------------------------------------------------------------------------


def discard(source: int, count: int = 0) -> StreamToDiscard:
    return StreamToDiscard(
        cat=True, source_cscd_id=source, stream_device_transfer_length=512, number_of_bytes=count
    )


@pytest.mark.parametrize(
    "segment", [block_to_block(0xC000, 0, 0), block_to_block(0, 0xC000, 0), discard(0xC001)], ids=str
)
def test_a_null_unit_will_do_where_nothing_moves(make: Any, segment: Any) -> None:
    """SPC-4 table 148: as long as it gets no command."""
    fabric = make()

    assert fabric.send([fabric.naa("source")], segment) is None


@pytest.mark.parametrize(
    ("segment", "byte"),
    [
        (block_to_block(0xC000, 0), 4),
        (block_to_block(0, 0xC000), 6),
        (discard(0xC001, 512), 4),
        (VerifyCscd(source_cscd_id=0xC000), 4),
        (VerifyCscd(source_cscd_id=0xC001, tur=True), 4),
    ],
    ids=str,
)
def test_a_command_to_a_null_unit_does_not_reach_anything(make: Any, segment: Any, byte: int) -> None:
    """SPC-4 table 148: UNREACHABLE COPY TARGET."""
    fabric = make()

    sense = fabric.send([fabric.naa("source")], segment)

    assert (ABORTED, UNREACHABLE) == (sense.key, sense.code)
    assert sense.pointer == FieldPointer(byte, segment=True)


@pytest.mark.parametrize("segment", [block_to_block(0xC001, 0, 0), discard(0xC000)], ids=str)
def test_a_null_unit_is_of_one_kind(make: Any, segment: Any) -> None:
    """SPC-4 table 148: C000h is a block device, C001h a stream device."""
    fabric = make()

    assert fabric.send([fabric.naa("source")], segment).code == (0x26, 0x0C)


def nul(device_type: int, **fields: Any) -> FcNPortNameCscd:
    """A descriptor with the NUL bit, and nonsense for a name."""
    return FcNPortNameCscd(
        nul=True, peripheral_device_type=device_type, n_port_name=1, lu_identifier=bytes(8), **fields
    )


OLD = pytest.mark.parametrize("dialect", [Dialect.T10_99_143, Dialect.SPC_2])


@OLD
@pytest.mark.parametrize(
    ("device_type", "segment"),
    [
        (0x00, block_to_block(1, 0, 0)),
        (0x05, block_to_block(0, 1, 0)),
        (0x01, discard(1)),
        (0x03, discard(1)),
    ],
    ids=str,
)
def test_a_descriptor_may_say_that_there_is_no_device(
    make: Any, dialect: Dialect, device_type: int, segment: Any
) -> None:
    """SPC-2 7.2.4: with NUL the rest of the name counts for nothing.

    Whether T10/99-143r1 has the bit was not seen; that it is taken there is our choice.
    """
    if dialect is Dialect.T10_99_143 and isinstance(segment, StreamToDiscard):
        segment = StreamToDiscard143(source_cscd_id=1, stream_device_transfer_length=512, number_of_bytes=0)
    fabric = make(dialect=dialect)

    assert fabric.send([fabric.naa("source"), nul(device_type)], segment) is None


@OLD
@pytest.mark.parametrize("blocks", [1, 9])
def test_a_command_to_no_device_does_not_reach_anything(make: Any, dialect: Dialect, blocks: int) -> None:
    """SPC-2 7.2.4: COPY TARGET DEVICE NOT REACHABLE, pointing at the descriptor."""
    fabric = make(dialect=dialect)

    sense = fabric.send(
        [fabric.naa("source"), nul(0x00, disk_block_length=4096)], block_to_block(1, 0, blocks)
    )

    place = header_length(dialect) + 32
    assert (ABORTED, NOT_REACHABLE, FieldPointer(place)) == (sense.key, sense.code, sense.pointer)


@OLD
def test_no_device_of_a_kind_that_cannot_be_copied_is_not_reachable(make: Any, dialect: Dialect) -> None:
    fabric = make(dialect=dialect)

    sense = fabric.send([fabric.naa("source"), nul(0x0C)], block_to_block(1, 0, 0))

    assert (NOT_REACHABLE, FieldPointer(header_length(dialect) + 32)) == (sense.code, sense.pointer)


def test_the_nul_bit_is_obsolete_in_spc_4(make: Any) -> None:
    """SPC-4 6.4.5.1: the name counts, and leads nowhere."""
    fabric = make()

    assert fabric.send([fabric.naa("source"), nul(0x00)], block_to_block(1, 0, 0)).code == NOT_REACHABLE


@pytest.mark.parametrize("kind", [NullBlockUnit, NullStreamUnit])
def test_a_null_unit_has_all_that_is_asked_of_its_kind_and_answers_nothing(
    kind: type[NullBlockUnit | NullStreamUnit],
) -> None:
    unit = kind(asc.UNREACHABLE_COPY_TARGET, FieldPointer(4, segment=True))

    assert isinstance(unit, BlockUnit if kind is NullBlockUnit else StreamUnit)
    with pytest.raises(SegmentFault) as caught:
        unit.admit()
    assert (caught.value.code, caught.value.pointer) == (UNREACHABLE, FieldPointer(4, segment=True))
