"""PERSISTENT RESERVE IN and OUT, and the reservations of SPC-2 before them: the commands.

Each service action is a command of its own, as REPORT SUPPORTED OPERATION CODES has it; their
parameter data is in ``reservation_data``.
"""

from __future__ import annotations

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, bit, bits, u8, u16, u32

__all__ = [
    "PersistentReserveClear",
    "PersistentReserveIn",
    "PersistentReserveOut",
    "PersistentReservePreempt",
    "PersistentReservePreemptAndAbort",
    "PersistentReserveRegister",
    "PersistentReserveRegisterAndIgnoreExistingKey",
    "PersistentReserveRegisterAndMove",
    "PersistentReserveRelease",
    "PersistentReserveReplaceLostReservation",
    "PersistentReserveReserve",
    "ReadFullStatus",
    "ReadKeys",
    "ReadReservation",
    "Release6",
    "Release10",
    "ReportCapabilities",
    "ReservationScope",
    "ReservationType",
    "Reserve6",
    "Reserve10",
]

_IN = "SPC-4 PERSISTENT RESERVE IN"
_OUT = "SPC-4 PERSISTENT RESERVE OUT"

_OBSOLETE = "obsolete since SPC-3; the place is from one reading of SPC-2, seen in no other program"

UNVERIFIED = {
    command: {"thirdpty": _OBSOLETE, "longid": _OBSOLETE, "third_party_device_id": _OBSOLETE}
    for command in ("Reserve10", "Release10")
}
"""What too few sources vouch for, by table and field."""


class ReservationScope(Code):
    """SPC-4 PERSISTENT RESERVE IN: what is reserved; only the logical unit is not obsolete."""

    LOGICAL_UNIT = 0x0
    EXTENT = 0x1
    ELEMENT = 0x2


class ReservationType(Code):
    """SPC-4 PERSISTENT RESERVE IN: who may do what."""

    WRITE_EXCLUSIVE = 0x1
    EXCLUSIVE_ACCESS = 0x3
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 0x5
    EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 0x6
    WRITE_EXCLUSIVE_ALL_REGISTRANTS = 0x7
    EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 0x8


class PersistentReserveIn(Cdb, opcode=0x5E):
    """What all forms of PERSISTENT RESERVE IN have."""

    allocation_length: int = u16(7, default=8192)
    control: int = u8(9, default=0)


class ReadKeys(
    PersistentReserveIn,
    opcode=0x5E,
    service_action=0x00,
    title="PERSISTENT RESERVE IN, READ KEYS",
    size=10,
    ref=_IN,
):
    """All registered reservation keys."""


class ReadReservation(
    PersistentReserveIn,
    opcode=0x5E,
    service_action=0x01,
    title="PERSISTENT RESERVE IN, READ RESERVATION",
    size=10,
    ref=_IN,
):
    """The reservation there is, and its holder's key."""


class ReportCapabilities(
    PersistentReserveIn,
    opcode=0x5E,
    service_action=0x02,
    title="PERSISTENT RESERVE IN, REPORT CAPABILITIES",
    size=10,
    ref=_IN,
):
    """What kinds of persistent reservations there are."""


class ReadFullStatus(
    PersistentReserveIn,
    opcode=0x5E,
    service_action=0x03,
    title="PERSISTENT RESERVE IN, READ FULL STATUS",
    size=10,
    ref=_IN,
):
    """Every registration with its I_T nexus."""


class PersistentReserveOut(Cdb, opcode=0x5F):
    """What all forms of PERSISTENT RESERVE OUT have; most have no use for SCOPE and TYPE."""

    scope: ReservationScope = bits(2, 7, 4, default=ReservationScope.LOGICAL_UNIT)
    type: ReservationType = bits(2, 3, 0, default=0)
    parameter_list_length: int = u32(5, default=24)
    control: int = u8(9, default=0)


class PersistentReserveRegister(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x00,
    title="PERSISTENT RESERVE OUT, REGISTER",
    size=10,
    ref=_OUT,
):
    """Register a key, change it or take it back."""


class PersistentReserveReserve(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x01,
    title="PERSISTENT RESERVE OUT, RESERVE",
    size=10,
    ref=_OUT,
):
    """Make a reservation."""


class PersistentReserveRelease(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x02,
    title="PERSISTENT RESERVE OUT, RELEASE",
    size=10,
    ref=_OUT,
):
    """End one's reservation."""


class PersistentReserveClear(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x03,
    title="PERSISTENT RESERVE OUT, CLEAR",
    size=10,
    ref=_OUT,
):
    """End the reservation and all registrations."""


class PersistentReservePreempt(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x04,
    title="PERSISTENT RESERVE OUT, PREEMPT",
    size=10,
    ref=_OUT,
):
    """Take over a reservation, or end registrations of others."""


class PersistentReservePreemptAndAbort(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x05,
    title="PERSISTENT RESERVE OUT, PREEMPT AND ABORT",
    size=10,
    ref=_OUT,
):
    """The same, and abort their commands."""


class PersistentReserveRegisterAndIgnoreExistingKey(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x06,
    title="PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY",
    size=10,
    ref=_OUT,
):
    """Register whatever key was registered before."""


class PersistentReserveRegisterAndMove(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x07,
    title="PERSISTENT RESERVE OUT, REGISTER AND MOVE",
    size=10,
    ref=_OUT,
):
    """Register another I_T nexus and make it the holder."""


class PersistentReserveReplaceLostReservation(
    PersistentReserveOut,
    opcode=0x5F,
    service_action=0x08,
    title="PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION",
    size=10,
    ref=_OUT,
):
    """Make a reservation in place of one that was lost."""


class Reserve6(Cdb, opcode=0x16, title="RESERVE(6)", size=6, ref="SPC-2 RESERVE(6)"):
    """Reserve the unit for this I_T nexus, in the one form that is not obsolete."""

    control: int = u8(5, default=0)


class Release6(Cdb, opcode=0x17, title="RELEASE(6)", size=6, ref="SPC-2 RELEASE(6)"):
    """End such a reservation."""

    control: int = u8(5, default=0)


class Reserve10(Cdb, opcode=0x56, title="RESERVE(10)", size=10, ref="SPC-2 RESERVE(10)"):
    """Reserve the unit for this I_T nexus, or with 3RDPTY for another one."""

    thirdpty: bool = bit(1, 4, default=False, title="3RDPTY")
    longid: bool = bit(1, 1, default=False)
    third_party_device_id: int = u8(3, default=0)
    parameter_list_length: int = u16(7, default=0)
    control: int = u8(9, default=0)


class Release10(Cdb, opcode=0x57, title="RELEASE(10)", size=10, ref="SPC-2 RELEASE(10)"):
    """End such a reservation."""

    thirdpty: bool = bit(1, 4, default=False, title="3RDPTY")
    longid: bool = bit(1, 1, default=False)
    third_party_device_id: int = u8(3, default=0)
    parameter_list_length: int = u16(7, default=0)
    control: int = u8(9, default=0)
