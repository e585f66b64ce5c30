"""From device descriptions of the seed to devices of the agent: the four kinds of address ([0078]-[0081]).

| d_flags | descriptor | what it means |
|---|---|---|
| LUN | E4h | a logical unit beside the 3PCE, on the same nexus; it is asked for its best designator |
| WWN | E4h | the one unit beside the 3PCE whose NAA designator it is: all 8 bytes, else the first 8 of 16 |
| WWN, LUN | E0h | the unit with that LUN behind the Fibre Channel port with that N_Port_Name |
| N_Port, LUN | E1h | the same, behind the port with that N_Port_ID |
| WWN, N_Port, LUN | E2h | behind the port with both; where the engine lacks E2h it is E0h, then E1h |
| target identifier, LUN | E3h | the same, on the parallel bus |

Any other combination tells too little, or contradicts itself. Where the engine lacks E4h, a unit
beside it is named by its port and LUN (E0h), if it tells the name of its port. A device that is named
by its port is the engine's alone to find: it is sent no command, so its size is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from threepce.agent import inspection
from threepce.agent.agent import CopyAgent
from threepce.agent.data_entity import (
    ADDRESSES,
    DISK,
    FIXED,
    LUN_VALID,
    N_PORT_VALID,
    PAD,
    TARGET_ID_VALID,
    WWN_VALID,
    ReturnCode,
    dev_desc_t,
)
from threepce.agent.engine import Engine
from threepce.agent.errors import CommandFailed
from threepce.agent.request import Device, Disk, End, Tape
from threepce.agent.return_codes import Failed, code_of_a_fault
from threepce.scsi.cscd import Cscd, CscdType
from threepce.scsi.cscd_base import find_cscd
from threepce.scsi.designator import Association, Designator, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.sam import decode_lun

__all__ = ["DESCRIPTORS", "end_of"]

DESCRIPTORS: dict[int, tuple[CscdType, ...]] = {
    LUN_VALID: (),
    WWN_VALID: (),
    WWN_VALID | LUN_VALID: (CscdType.FC_N_PORT_NAME,),
    N_PORT_VALID | LUN_VALID: (CscdType.FC_N_PORT_ID,),
    WWN_VALID | N_PORT_VALID | LUN_VALID: (
        CscdType.FC_N_PORT_ID_WITH_NAME_CHECK,
        CscdType.FC_N_PORT_NAME,
        CscdType.FC_N_PORT_ID,
    ),
    TARGET_ID_VALID | LUN_VALID: (CscdType.PARALLEL_INTERFACE_T_L,),
}
"""The address bits that can be described, and by which descriptors, best first; none for E4h."""

BY_DESIGNATOR = (CscdType.IDENTIFICATION, CscdType.FC_N_PORT_NAME)
NAA_6 = 0x6


def end_of(agent: CopyAgent, engine: Engine, device: dev_desc_t, transfer_length: int) -> End:
    """The disk, or the tape that moves so many bytes at a time, that a description means. Raises Failed."""
    codes = DESCRIPTORS[device.d_flags & ADDRESSES]
    code = _supported(engine, codes or BY_DESIGNATOR, device)
    unit = None if codes else _find(agent, engine.device, device)
    descriptor = _address(code, engine.dialect, device) if codes else None
    pad = bool(device.d_flags & PAD)
    if device.d_type == DISK:
        return Disk(unit, device.d_bl or None, pad, descriptor)
    return Tape(unit, device.d_bl if device.d_flags & FIXED else 0, transfer_length, pad, descriptor)


def _supported(engine: Engine, codes: tuple[CscdType, ...], device: dev_desc_t) -> CscdType:
    listed = engine.parameters.implemented_descriptors
    for code in codes:
        # A page 0Eh of 143r1 may leave the list out.
        if code in listed or (not listed and engine.dialect is Dialect.T10_99_143):
            return code
    raise Failed(
        ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
        f"d_flags {device.d_flags:#010x}: {engine.device} implements none of the descriptors that could be "
        f"built of it ({', '.join(f'{code:02X}h' for code in codes)})",
    )


def _address(code: CscdType, dialect: Dialect, device: dev_desc_t) -> Cscd:
    table = find_cscd(code, dialect)
    assert table is not None
    values: dict[str, Any] = {
        "lu_identifier": device.d_lun,
        "n_port_name": int.from_bytes(device.d_wwn),
        "n_port_id": int.from_bytes(device.d_nport),
        "target_identifier": device.d_tid,
    }
    return table(**{name: value for name, value in values.items() if name in table.PLACES})


def _find(agent: CopyAgent, manager: Device, device: dev_desc_t) -> Device:
    """The logical unit that a device description means, reached through the 3PCE's nexus."""
    if device.d_flags & LUN_VALID:
        try:
            lun = decode_lun(device.d_lun)
        except ValueError as error:
            raise Failed(ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR, error) from error
        return _beside(manager, lun)
    wwn = device.d_wwn
    with code_of_a_fault():
        found = list(_naa_designators(agent, manager))
    matches = [lun for lun, naa in found if naa == wwn]
    if not matches and wwn[0] >> 4 == NAA_6:
        matches = [lun for lun, naa in found if len(naa) == 16 and naa.startswith(wwn)]
    if len(matches) != 1:
        raise Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{manager}: WWN {wwn.hex()} is the NAA designator of {len(matches)} of its "
            f"{len(found)} logical units, not of one",
        )
    return _beside(manager, matches[0])


def _beside(manager: Device, lun: int) -> Device:
    return Device(manager.nexus, lun, f"{manager} LUN {lun}")


def _naa_designators(agent: CopyAgent, manager: Device) -> Iterator[tuple[int, bytes]]:
    for lun in inspection.report_luns(agent.executor, manager):
        try:
            identity = inspection.identify(agent.executor, _beside(manager, lun))
        except CommandFailed:
            continue  # a unit that does not tell its name cannot be the one that is meant
        names = {value for value in map(_naa_of_unit, identity.designators) if value}
        yield from ((lun, value) for value in sorted(names))


def _naa_of_unit(designator: Designator) -> bytes:
    unit = designator.association == Association.LOGICAL_UNIT
    return designator.value if unit and designator.designator_type == DesignatorType.NAA else b""
