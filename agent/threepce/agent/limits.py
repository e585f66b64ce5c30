"""What one EXTENDED COPY command, and one segment of it, can carry for one copy manager.

Pure arithmetic on operating parameters ([0141], SPC-4 6.22.2): Fig. 7 step 710 is the question
whether :func:`command_limits` and :func:`segment_limits` return. Each refusal names the limit and
who set it. This module must not send anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from threepce.agent.errors import CannotBuildCommand
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import header_length
from threepce.scsi.segment import SegmentType

__all__ = [
    "ALIGNMENT",
    "MAXIMUM_DESCRIPTOR_LIST_LENGTH",
    "CommandLimits",
    "SegmentLimits",
    "command_limits",
    "segment_limits",
]

ALIGNMENT = 64 * 1024
"""Bytes. Cuts like to fall on multiples of this: the stripe and slab size of many engines."""

SEGMENT_LENGTH = "MAXIMUM SEGMENT LENGTH"
GRANULARITY = "DATA SEGMENT GRANULARITY"
CSCD_COUNT = "MAXIMUM CSCD DESCRIPTOR COUNT"
SEGMENT_COUNT = "MAXIMUM SEGMENT DESCRIPTOR COUNT"
LIST_LENGTH = MAXIMUM_DESCRIPTOR_LIST_LENGTH = "MAXIMUM DESCRIPTOR LIST LENGTH"
INLINE_LENGTH = "MAXIMUM INLINE DATA LENGTH"
STREAM_SIZE = "MAXIMUM STREAM DEVICE TRANSFER SIZE"
IMPLEMENTED = "IMPLEMENTED DESCRIPTOR LIST"

_FIELD_LIMIT = {Dialect.LID4: 0xFFFF}
"""The lengths of both lists and of the inline data in the header of LID4 have 16 bits."""
_CSCD_LIST_LIMIT = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLimits:
    """What one command can carry. Lengths are in bytes.

    `list_length` is for CSCD and segment descriptors together, and with `inline_counts` for inline
    data too; `segment_list_length` for segment descriptors alone.
    """

    cscds: int
    segments: int
    list_length: int
    segment_list_length: int
    inline_length: int
    inline_counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLimits:
    """What one segment can carry, in `unit`: blocks of so many bytes, or bytes where it is 1.

    A segment has at most `most`. All segments but the last of a run leave nothing over: they are
    multiples of `granule`, so of `whole` bytes, which fill whole blocks and transfers on both sides,
    and have at most `cut`, which is 0 where no such segment is possible. `granularity` is what the
    copy manager asks of the last too, in bytes. `destination_unit` is a block of the destination, 0
    for a tape. `alignment` is 64 KiB in units, or 0 where that is no whole number.
    `same_unit` says that source and destination are one. `limited_by` says who sets `most`.
    `advances_source` is false where the source is read from where it is, and `carries_data` where
    the units are no data.
    """

    unit: int
    destination_unit: int
    most: int
    cut: int
    granule: int
    granularity: int
    whole: int
    alignment: int
    limited_by: str
    same_unit: bool = False
    advances_source: bool = True
    carries_data: bool = True

    def destination_blocks(self, count: int) -> int:
        """How many destination blocks so many units fill, rounded down; 0 for a tape."""
        return count * self.unit // self.destination_unit if self.destination_unit else 0


def _named(code: int) -> str:
    name = SegmentType(code).text if code in SegmentType._value2member_map_ else "CSCD descriptor"
    return f"{name} ({code:02X}h)"


def command_limits(
    parameters: OperatingParameters,
    *,
    dialect: Dialect = Dialect.LID1,
    codes: frozenset[int] = frozenset(),
    cscd_descriptors: int = 2,
    segment_length: int = 28,
    party: str = "copy manager",
) -> CommandLimits:
    """The limits of commands with these descriptor type codes.

    `cscd_descriptors` and `segment_length` are the most any one segment of the copy needs. Raises
    CannotBuildCommand when not even one fits.
    """

    def refuse(limit: str, why: str) -> CannotBuildCommand:
        return CannotBuildCommand(party, limit, why)

    for code in sorted(codes):
        # A page 0Eh without a list of codes says nothing about them.
        if code not in parameters.implemented_descriptors and (
            parameters.implemented_descriptors or dialect is not Dialect.T10_99_143
        ):
            listed = " ".join(f"{code:02X}h" for code in parameters.implemented_descriptors)
            raise refuse(IMPLEMENTED, f"no {_named(code)} among {listed or 'none at all'}")
    cscds = min(parameters.maximum_cscd_descriptor_count, _CSCD_LIST_LIMIT // CSCD_DESCRIPTOR_LENGTH)
    if cscds < cscd_descriptors:
        raise refuse(CSCD_COUNT, f"{cscds}, and the copy needs {cscd_descriptors}")
    segments = parameters.maximum_segment_descriptor_count
    if segments < 1:
        raise refuse(SEGMENT_COUNT, "0, and the copy needs 1")
    length = parameters.maximum_descriptor_list_length
    old = dialect is Dialect.T10_99_143
    if old:
        length -= header_length(dialect)
    needed = cscd_descriptors * CSCD_DESCRIPTOR_LENGTH + segment_length
    if length < needed:
        raise refuse(
            LIST_LENGTH, f"{parameters.maximum_descriptor_list_length} bytes, and the copy needs {needed}"
        )
    field = _FIELD_LIMIT.get(dialect, 0xFFFFFFFF)
    inline = parameters.maximum_inline_data_length
    return CommandLimits(
        cscds=cscds,
        segments=segments,
        list_length=length,
        segment_list_length=field,
        inline_length=min(inline, field),
        inline_counts=old,
    )


def segment_limits(
    parameters: OperatingParameters,
    *,
    unit: int,
    most: int,
    most_is: str,
    destination_unit: int = 0,
    whole: int = 1,
    inline: bool = False,
    transfer_length: int = 0,
    same_unit: bool = False,
    advances_source: bool = True,
    party: str = "copy manager",
) -> SegmentLimits:
    """The limits of a segment whose count field holds `most`, as `most_is` names it.

    `whole` and `transfer_length`, the longest there is, are in bytes. Raises CannotBuildCommand when
    not the least there is can be copied.
    """

    def refuse(limit: str, why: str) -> CannotBuildCommand:
        return CannotBuildCommand(party, limit, why)

    transfer = parameters.maximum_stream_device_transfer_size
    # Mode page 0Eh of T10/99-143r1 has no such field: zero is no limit that is known.
    if transfer and transfer_length > transfer:
        raise refuse(STREAM_SIZE, f"{transfer} bytes are less than a transfer of {transfer_length}")
    limited_by = most_is
    longest = parameters.maximum_segment_length  # 0 is no limit, and never a divisor
    bounds = [(longest, SEGMENT_LENGTH)] if longest else []
    if inline:
        bounds.append((parameters.maximum_inline_data_length, INLINE_LENGTH))
    for length, name in bounds:
        if length // unit < most:
            most, limited_by = length // unit, f"{party}: {name}"
            if most < 1:
                raise refuse(name, f"{length} bytes are less than a block of {unit}")
    power = parameters.inline_data_granularity if inline else parameters.data_segment_granularity
    granularity = 1 << min(power, 255)
    step = lcm(unit, granularity) // unit
    if most < step:
        raise refuse(
            GRANULARITY,
            f"segments come in multiples of {step} times {unit} bytes (granularity {granularity} "
            f"bytes), and the longest has {most} ({limited_by})",
        )
    granule = lcm(unit, whole, granularity) // unit
    aligned, odd = divmod(ALIGNMENT, unit)
    return SegmentLimits(
        unit=unit,
        destination_unit=destination_unit,
        most=most // step * step,
        cut=most // granule * granule,
        granule=granule,
        granularity=granularity,
        whole=whole,
        alignment=0 if odd or inline else aligned,
        limited_by=limited_by,
        same_unit=same_unit,
        advances_source=advances_source,
    )
