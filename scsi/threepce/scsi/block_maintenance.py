"""START STOP UNIT, FORMAT UNIT and SANITIZE, with their parameter lists (SBC-3, SBC-4)."""

from __future__ import annotations

from threepce.scsi.cdb import BlockCdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u32

__all__ = [
    "FormatUnit",
    "LongFormatHeader",
    "OverwriteHeader",
    "PowerCondition",
    "SanitizeBlockErase",
    "SanitizeCryptographicErase",
    "SanitizeExitFailureMode",
    "SanitizeOverwrite",
    "ShortFormatHeader",
    "StartStopUnit",
]


class PowerCondition(Code):
    """SBC-3 START STOP UNIT: what the unit is to do, other than start or stop."""

    START_VALID = 0x0
    ACTIVE = 0x1
    IDLE = 0x2
    STANDBY = 0x3
    LU_CONTROL = 0x7
    FORCE_IDLE_0 = 0xA
    FORCE_STANDBY_0 = 0xB


class StartStopUnit(BlockCdb, opcode=0x1B, title="START STOP UNIT", size=6, ref="SBC-3 START STOP UNIT"):
    """Make the unit ready or not, load or eject its medium, set its power condition."""

    immed: bool = bit(1, 0, default=False)
    power_condition_modifier: int = bits(3, 3, 0, default=0)
    power_condition: PowerCondition = bits(4, 7, 4, default=PowerCondition.START_VALID)
    no_flush: bool = bit(4, 2, default=False, title="NO_FLUSH")
    loej: bool = bit(4, 1, default=False)
    start: bool = bit(4, 0, default=False)
    control: int = u8(5, default=0)


class FormatUnit(BlockCdb, opcode=0x04, title="FORMAT UNIT", size=6, ref="SBC-3 5.3"):
    """Make all blocks anew."""

    fmtpinfo: int = bits(1, 7, 6, default=0)
    longlist: bool = bit(1, 5, default=False)
    fmtdata: bool = bit(1, 4, default=False)
    cmplst: bool = bit(1, 3, default=False)
    defect_list_format: int = bits(1, 2, 0, default=0)
    ffmt: int = bits(4, 1, 0, default=0)
    control: int = u8(5, default=0)


class ShortFormatHeader(Table, size=4, ref="SBC-3 5.3.2"):
    """The head of the FORMAT UNIT parameter list without LONGLIST."""

    protection_fields_usage: int = bits(0, 2, 0, default=0)
    fov: bool = bit(1, 7, default=False)
    dpry: bool = bit(1, 6, default=False)
    dcrt: bool = bit(1, 5, default=False)
    stpf: bool = bit(1, 4, default=False)
    ip: bool = bit(1, 3, default=False)
    immed: bool = bit(1, 1, default=False)
    defect_list_length: int = u16(2, default=0)


class LongFormatHeader(Table, size=8, ref="SBC-3 5.3.2"):
    """The head of the FORMAT UNIT parameter list with LONGLIST."""

    protection_fields_usage: int = bits(0, 2, 0, default=0)
    fov: bool = bit(1, 7, default=False)
    dpry: bool = bit(1, 6, default=False)
    dcrt: bool = bit(1, 5, default=False)
    stpf: bool = bit(1, 4, default=False)
    ip: bool = bit(1, 3, default=False)
    immed: bool = bit(1, 1, default=False)
    p_i_information: int = bits(3, 7, 4, default=0, title="P_I_INFORMATION")
    protection_interval_exponent: int = bits(3, 3, 0, default=0)
    defect_list_length: int = u32(4, default=0)


class _Sanitize(BlockCdb):
    """What all forms of SANITIZE have."""

    immed: bool = bit(1, 7, default=False)
    znr: bool = bit(1, 6, default=False)
    ause: bool = bit(1, 5, default=False)
    parameter_list_length: int = u16(7, default=0)
    control: int = u8(9, default=0)


class SanitizeOverwrite(
    _Sanitize, opcode=0x48, service_action=0x01, title="SANITIZE, OVERWRITE", size=10, ref="SBC-3 SANITIZE"
):
    """Write a pattern over all of the medium; the parameter list has it."""


class SanitizeBlockErase(
    _Sanitize, opcode=0x48, service_action=0x02, title="SANITIZE, BLOCK ERASE", size=10, ref="SBC-3 SANITIZE"
):
    """Erase the medium as it erases itself."""


class SanitizeCryptographicErase(
    _Sanitize,
    opcode=0x48,
    service_action=0x03,
    title="SANITIZE, CRYPTOGRAPHIC ERASE",
    size=10,
    ref="SBC-3 SANITIZE",
):
    """Forget the key the medium is written with."""


class SanitizeExitFailureMode(
    _Sanitize,
    opcode=0x48,
    service_action=0x1F,
    title="SANITIZE, EXIT FAILURE MODE",
    size=10,
    ref="SBC-3 SANITIZE",
):
    """Go on after a sanitize that failed."""


class OverwriteHeader(Table, size=4, ref="SBC-3 SANITIZE"):
    """The head of the OVERWRITE parameter list; the initialization pattern follows."""

    invert: bool = bit(0, 7, default=False)
    test: int = bits(0, 6, 5, default=0)
    overwrite_count: int = bits(0, 4, 0, default=1)
    initialization_pattern_length: int = u16(2)
