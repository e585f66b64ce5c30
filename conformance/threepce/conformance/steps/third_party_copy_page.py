"""What the third-party copy page (8Fh) says, by field name: its descriptors stand in no fixed place."""

from __future__ import annotations

from threepce.conformance.steps.base import Answer, annotated
from threepce.scsi import vpd_third_party_copy as page
from threepce.scsi.layout import DecodeError, Table

__all__ = ["NAMES", "read_third_party_copy_page"]

LIMITS: dict[int, type[Table]] = {
    table.descriptor_type: table  # the default of the field, which is the code of the descriptor
    for table in (
        page.BlockDeviceRodTokenLimits,
        page.ThirdPartyCopyParameters,
        page.GeneralCopyOperations,
        page.StreamCopyOperations,
        page.HeldDataDescriptor,
    )
}
LISTS = frozenset(
    {
        "implemented_descriptors",
        "implemented_descriptor_list_length",
        "supported_commands",
        "cscd_descriptor_ids",
        "rod_types",
    }
)
NAMES = LISTS | {
    name for table in LIMITS.values() for name in table.PLACES if name not in page.CodeListHeader.PLACES
}
"""The names that the page may have: limits, and what it lists."""


def read_third_party_copy_page(data: bytes) -> Answer:
    """The limits of the page, and its lists; a command is its operation code and service action in one number."""
    found: dict[str, int | str | list[int]] = {}
    try:
        descriptors = page.decode_third_party_copy(data)[0]
        for code, raw in descriptors:
            if code in LIMITS:
                found |= annotated((LIMITS[code],), raw)
            else:
                found |= _listed(code, raw)
    except (DecodeError, ValueError):
        return {}
    return {name: value for name, value in found.items() if name in NAMES}


def _listed(code: int, raw: bytes) -> Answer:
    kind = page.ThirdPartyCopyType
    if code == kind.SUPPORTED_DESCRIPTORS:
        codes = list(page.decode_code_list(raw))
        return {"implemented_descriptors": codes, "implemented_descriptor_list_length": len(codes)}
    if code == kind.SUPPORTED_COMMANDS:
        return {
            "supported_commands": [
                command.operation_code << 8 | action
                for command in page.decode_supported_commands(raw)
                for action in command.service_actions
            ]
        }
    if code == kind.SUPPORTED_CSCD_DESCRIPTOR_IDS:
        return {"cscd_descriptor_ids": list(page.decode_cscd_ids(raw))}
    if code == kind.SUPPORTED_ROD_TYPES:
        return {"rod_types": [item.rod_type for item in page.decode_rod_types(raw)]}
    return {}
