"""How tshark shows the fields of our tables, and where it and we differ.

For each table compared, each field has a view: the name tshark gives it, at the same bits; or at
wider bits, where tshark draws it together with its neighbours; or none. A view that is not the same
name at the same bits says why: that is the list of what this comparison cannot show. A field
without a view fails the test, as does a field that only tshark shows, so that nothing is left out
in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from threepce.scsi.device_parameters import BLOCK_DEVICE_TYPES
from threepce.scsi.field import Place
from threepce.scsi.layout import Table
from threepce.scsi.sense_tables import FixedSense, SenseKey, SenseKeySpecificDescriptor

from .tshark import Shown


@dataclass(frozen=True)
class View:
    """How tshark shows a field: under this name, at our bits or at others, and why so."""

    name: str
    place: Place | None = None
    why: str = ""


@dataclass(frozen=True)
class Hidden:
    """A field that tshark does not show, and why that is its lack and not ours."""

    why: str


Views = Mapping[str, View | Hidden]

IN_RESERVED = (
    "this dissector knows one form for all service actions of the command, and this form has no such field"
)

COMMANDS: dict[int, Views] = {
    0x83: {
        "operation_code": View("scsi_sbc.opcode"),
        "service_action": View(
            "scsi.extcopy.service_action", Place(1, 7, 8), "drawn over the three reserved bits above it too"
        ),
        "list_identifier": View("scsi.reserved8", Place(2, 7, 64), IN_RESERVED),
        "parameter_list_length": View("scsi.extcopy.param_list_len"),
        "group_number": View("scsi.reserved", Place(14, 7, 8), IN_RESERVED),
        "control": View("scsi.cdb.control"),
    },
    0x84: {
        "operation_code": View("scsi_sbc.opcode"),
        "service_action": View("scsi.recv_copy.service_action"),
        "list_identifier": View("scsi.reserved8", Place(2, 7, 64), IN_RESERVED),
        "allocation_length": View("scsi.cdb.alloclen32"),
        "control": View("scsi.cdb.control"),
    },
}

LID1_HEADER: Views = {
    "list_identifier": View("scsi.extcopy.list_id"),
    "str": View("scsi.extcopy.xcopy_param_str"),
    "list_id_usage": View("scsi.extcopy.xcopy_param_list_id_usage"),
    "priority": View("scsi.extcopy.xcopy_param_priority"),
    "cscd_descriptor_list_length": View("scsi.extcopy.cscd_list_len"),
    "segment_descriptor_list_length": View("scsi.extcopy.seg_desc_list_len"),
    "inline_data_length": View("scsi.extcopy.inline_data_len"),
}
SPC2_HEADER: Views = {name: view for name, view in LID1_HEADER.items() if name != "list_id_usage"} | {
    "nrcr": View(
        "scsi.extcopy.xcopy_param_list_id_usage",
        Place(1, 4, 2),
        "SPC-4 made two bits of it, and tshark has no SPC-2",
    )
}

ANY_CSCD: Views = {
    "descriptor_type_code": View("scsi.cscd_desc_type_code"),
    "lu_id_type": View("scsi.extcopy.lu_type"),
    "nul": Hidden("the bit is obsolete in SPC-4, and nothing is drawn there"),
    "peripheral_device_type": View("scsi.extcopy.per_dev_type"),
    "relative_initiator_port_identifier": View("scsi.extcopy.rel_init_port_id"),
}
IDENTIFICATION: Views = {
    "code_set": View("scsi.extcopy.cscd_code_set"),
    "association": View("scsi.extcopy.cscd_assoc"),
    "designator_type": View("scsi.extcopy.cscd_des_type"),
    "designator_length": View("scsi.extcopy.cscd_des_len"),
    "designator": View("scsi.designator"),
}
FLAGS = ("pad", "sili", "fixed")
BLOCK_PARAMETERS: Views = {"disk_block_length": View("scsi.extcopy.disk_block_len")} | {
    flag: View("scsi.reserved", Place(28, 7, 8), "the whole byte is drawn as reserved") for flag in FLAGS
}
OTHER_PARAMETERS: Views = dict.fromkeys(
    (*FLAGS, "disk_block_length"),
    Hidden("bytes 28 to 31 are passed over for tapes, processors and unknown types"),
)

ANY_SEGMENT: Views = {
    "descriptor_type_code": View("scsi.extcopy.seg_desc_type"),
    "dc": View("scsi.extcopy.seg_desc_dc"),
    "cat": View("scsi.extcopy.seg_desc_cat"),
    "descriptor_length": View("scsi.segment_descriptor_length"),
    "source_cscd_id": View("scsi.extcopy.seg_desc_src_id"),
    "destination_cscd_id": View("scsi.extcopy.seg_desc_dest_id"),
}
BLOCK_TO_BLOCK: Views = {
    **ANY_SEGMENT,
    "fco": Hidden("the bit came with SPC-5, and nothing is drawn there"),
    "block_device_number_of_blocks": View("scsi.extcopy.seg_desc_num_of_blocks"),
    "source_block_device_logical_block_address": View("scsi.extcopy.source_lba"),
    "destination_block_device_logical_block_address": View("scsi.extcopy.dest_lba"),
}

OPERATING_PARAMETERS: Views = {
    "available_data": View("scsi.recv_copy.avail_data"),
    "snlid": View("scsi.recv_copy.snlid"),
    "maximum_cscd_descriptor_count": View("scsi.recv_copy.max_cscd_desc_count"),
    "maximum_segment_descriptor_count": View("scsi.recv_copy.max_seg_desc_count"),
    "maximum_descriptor_list_length": View("scsi.recv_copy.max_desc_list_len"),
    "maximum_segment_length": View("scsi.recv_copy.max_seg_len"),
    "maximum_inline_data_length": View("scsi.recv_copy.max_inline_data_len"),
    "held_data_limit": View("scsi.recv_copy.max_held_data_limit"),
    "maximum_stream_device_transfer_size": View("scsi.recv_copy.max_stream_dev_trans_size"),
    "total_concurrent_copies": View("scsi.recv_copy.total_con_copies"),
    "maximum_concurrent_copies": View("scsi.recv_copy.max_con_copies"),
    "data_segment_granularity": View("scsi.recv_copy.data_seg_gran"),
    "inline_data_granularity": View("scsi.recv_copy.inline_data_gran"),
    "held_data_granularity": View("scsi.recv_copy.held_data_gran"),
    "implemented_descriptor_list_length": View("scsi.recv_copy.implemented_desc_list_len"),
}

SPECIFIC = View(
    "scsi.sns.sks_info",
    Place(15, 6, 23),
    "the sense-key specific bytes are drawn as one number, except the field pointer of ILLEGAL REQUEST",
)
FIELD_POINTER: Views = {
    "command_data": View("scsi.sns.sks.fp.cd"),
    "bpv": View("scsi.sns.sks.fp.bpv"),
    "bit_pointer": View("scsi.sns.sks.fp.bit"),
    "field_pointer": View("scsi.sns.sks.fp.field"),
}
FIXED_SENSE: Views = {
    "valid": View(
        "scsi.sns.valid", Place(0, 7, 8), "the number is that of the whole byte, RESPONSE CODE too"
    ),
    "response_code": View("scsi.sns.errtype"),
    "filemark": View("scsi.sns.filemark"),
    "eom": View("scsi.sns.eom"),
    "ili": View("scsi.sns.ili"),
    "sdat_ovfl": Hidden("the bit came with SPC-4, and nothing is drawn there"),
    "sense_key": View("scsi.sns.key"),
    "information": View("scsi.sns.info"),
    "additional_sense_length": View("scsi.sns.addlen"),
    "command_specific_information": View("scsi.sns.command_specific_information"),
    "additional_sense_code": View("scsi.sns.asc"),
    "additional_sense_code_qualifier": View("scsi.sns.ascq"),
    "field_replaceable_unit_code": View("scsi.sns.fru"),
    "sksv": View("scsi.sns.sksv"),
    "command_data": SPECIFIC,
    "segment_descriptor": SPECIFIC,
    "bpv": SPECIFIC,
    "bit_pointer": SPECIFIC,
    "field_pointer": SPECIFIC,
}

DESCRIPTOR_SENSE: Views = {
    "response_code": View("scsi.sns.errtype"),
    "sense_key": View("scsi.sns.key"),
    "additional_sense_code": View("scsi.sns.ascascq", Place(2, 7, 16), "both codes are one number"),
    "additional_sense_code_qualifier": View("scsi.sns.ascascq", Place(2, 7, 16), "both codes are one number"),
    "sdat_ovfl": Hidden("the bit came with SPC-4, and nothing is drawn there"),
    "additional_sense_length": View("scsi.sns.addlen"),
}
ANY_SENSE_DESCRIPTOR: Views = {
    "descriptor_type": View("scsi.sns.desc.type"),
    "additional_length": View("scsi.sns.desc.length"),
}
IN_DESCRIPTOR = replace(SPECIFIC, place=Place(4, 6, 23))
KEY_SPECIFIC_DESCRIPTOR: Views = {
    **ANY_SENSE_DESCRIPTOR,
    "sksv": View("scsi.sns.sksv"),
    **dict.fromkeys(
        ("command_data", "segment_descriptor", "bpv", "bit_pointer", "field_pointer"), IN_DESCRIPTOR
    ),
}
NOT_TAKEN_APART = Hidden("of the sense data descriptors only 02h is taken apart")

BESIDE = (
    "scsi.extcopy.xcopy_params_byte",  # the whole byte, beside its fields
    "scsi.extcopy.per_dev_type_byte",  # the same
    "scsi.cdb.control.",  # the bits of CONTROL, which is one field here
    "scsi.sns.ascascq",  # both codes as one number
    "scsi.sns.sks_info",  # the three bytes as one number
    "scsi.naa.",  # a designator taken apart, IEEE COMPANY ID over 32 of its 24 bits
)
"""What tshark shows besides; all of it lies within fields that are compared."""

FOR_NOTHING = {
    (
        "CopyOperationAbort",
        "scsi.extcopy.param_list_len",
    ): "it has no parameter list (SPC-4 6.3); the bytes are reserved"
}
"""What tshark shows where the standard has nothing, by table and tshark's name."""


class Part(NamedTuple):
    """A table somewhere in the bytes, and how tshark shows its fields."""

    table: Table
    at: int
    views: Views


def device_parameters(cscd: Any) -> Views:
    """The views of bytes 28 to 31 of a CSCD descriptor, which depend on the device type."""
    return BLOCK_PARAMETERS if cscd.peripheral_device_type in BLOCK_DEVICE_TYPES else OTHER_PARAMETERS


def views_of_identification(cscd: Table) -> Views:
    """The views of a whole identification descriptor CSCD descriptor."""
    return {**ANY_CSCD, **IDENTIFICATION, **device_parameters(cscd)}


def views_of_sense(sense: FixedSense) -> Views:
    """The views of fixed format, which has a field pointer for one sense key alone."""
    pointed = sense.sksv and sense.sense_key == SenseKey.ILLEGAL_REQUEST
    return {**FIXED_SENSE, **(FIELD_POINTER if pointed else {})}


def views_of_sense_descriptor(table: Table, key: int) -> Views:
    """The views of a sense data descriptor in sense data of this key."""
    if not isinstance(table, SenseKeySpecificDescriptor):
        return dict.fromkeys(table.PLACES, NOT_TAKEN_APART) | dict(ANY_SENSE_DESCRIPTOR)
    pointed = table.sksv and key == SenseKey.ILLEGAL_REQUEST
    return {**KEY_SPECIFIC_DESCRIPTOR, **(FIELD_POINTER if pointed else {})}


def differences(shown: Iterable[Shown], parts: Iterable[Part], *, surplus: bool = True) -> list[str]:
    """Where the views are not what tshark shows; with `surplus` also what it shows and we do not have."""
    found = {(item.name, item.place): item.value for item in shown}
    parts = list(parts)
    absent = {(name, 0) for table, name in FOR_NOTHING if table in {type(p.table).__name__ for p in parts}}
    seen, wrong = set(), []
    for table, at, views in parts:
        for field, ours in table.PLACES.items():
            view = views[field]
            if isinstance(view, Hidden):
                continue
            theirs = view.place or ours
            key = view.name, theirs._replace(byte=theirs.byte + at)
            seen.add(key)
            expected = getattr(table, field)
            actual = narrowed(found.get(key), theirs, ours, expected)
            if expected != actual:
                wrong.append(f"{type(table).__name__}.{field} at {at}: {expected!r}, tshark has {actual!r}")
    if surplus:
        wrong += [
            f"only tshark has {name} = {value!r} at {place}"
            for (name, place), value in found.items()
            if (name, place) not in seen and not beside(name, value) and (name, value) not in absent
        ]
    return wrong


def narrowed(value: Any, theirs: Place, ours: Place, like: object) -> object:
    """The bits of our field within the bits tshark draws."""
    if isinstance(value, bytes) and not isinstance(like, bytes):
        value = int.from_bytes(value)
    if not isinstance(value, int):
        return value
    below = 8 * theirs.byte - theirs.msb + theirs.width - (8 * ours.byte - ours.msb + ours.width)
    return value >> below & (1 << ours.width) - 1


def beside(name: str, value: object) -> bool:
    return name.startswith(BESIDE) or (name.startswith("scsi.reserved") and value == 0)
