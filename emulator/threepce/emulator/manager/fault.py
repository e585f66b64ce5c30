"""Why a segment cannot be processed, as an exception on its way to the sense data of the copy."""

from __future__ import annotations

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

__all__ = ["SegmentFault"]


class SegmentFault(Exception):
    """A segment cannot be processed, or not to its end.

    `residual` is what SPC-4 5.17.7.4 puts in INFORMATION: what was not written of it, or None where
    nothing was written. `device_status` and `device_sense` are what a CSCD answered. `segment` is the
    number of the segment at fault, where it is not the one being processed. The few faults that SPC-4
    names ILLEGAL REQUEST although segments are being processed have that `key`.
    """

    def __init__(
        self,
        code: AdditionalSense,
        pointer: FieldPointer | None = None,
        *,
        key: SenseKey = SenseKey.COPY_ABORTED,
        device_status: Status = Status.CHECK_CONDITION,
        device_sense: Sense | None = None,
        at_destination: bool = False,
        residual: int | None = None,
    ) -> None:
        super().__init__(str(code))
        self.code = code
        self.pointer = pointer
        self.key = key
        self.device_status = device_status
        self.device_sense = device_sense
        self.at_destination = at_destination
        self.residual = residual
        self.segment: int | None = None
