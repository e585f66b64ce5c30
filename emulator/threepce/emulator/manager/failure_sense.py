"""The sense data of a copy that failed while a segment was processed (SPC-4 5.17.7.4).

What engines tell of it differs more than why they fail: all that SPC-4 asks for, or a code alone.
"""

from __future__ import annotations

from dataclasses import replace

from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.rules import pointer_of
from threepce.emulator.profile import CopyBehaviour, DeviceSenseForm, SegmentSense
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, FixedSense, ForwardedSource, Sense, SenseKey

__all__ = ["SenseWithStatusBefore", "failure_sense"]

DEVICE_FAULTS = {
    asc.THIRD_PARTY_DEVICE_FAILURE,
    asc.COPY_TARGET_DEVICE_NOT_REACHABLE,
    asc.INCORRECT_COPY_TARGET_DEVICE_TYPE,
    asc.COPY_TARGET_DEVICE_DATA_UNDERRUN,
    asc.COPY_TARGET_DEVICE_DATA_OVERRUN,
}
SOURCE_SHIFT, DESTINATION_SHIFT = 24, 16
"""Where COMMAND-SPECIFIC INFORMATION has the offsets of the areas of source and destination."""


class SenseWithStatusBefore(Sense):
    """Sense data of SCST: the offset leads to the sense data of the device, its status is the byte before.

    There is no key-specific field, and descriptor format has nothing of the device.
    """

    __slots__ = ()

    def encode(
        self, *, descriptor_format: bool = False, forwarded: ForwardedSource = ForwardedSource.SPC_4
    ) -> bytes:
        """See Sense."""
        device = self.source or self.destination
        plain = Sense(self.key, self.code, command_specific=self.command_specific)
        if descriptor_format or device is None:
            return plain.encode(descriptor_format=descriptor_format, forwarded=forwarded)
        shift = SOURCE_SHIFT if self.source is not None else DESTINATION_SHIFT
        specific = FixedSense.SIZE << shift | (self.command_specific or 0)
        raw = bytearray(replace(plain, command_specific=specific, rest=device.data).encode())
        raw[FixedSense.SIZE - 1] = device.status
        return bytes(raw)


def failure_sense(behaviour: CopyBehaviour, number: int, fault: SegmentFault) -> Sense:
    """The sense data for a fault of the segment with this number."""
    if behaviour.segment_sense is SegmentSense.NOT_REACHABLE:
        return _not_reachable(fault)
    code = _code(behaviour, fault.code)
    if behaviour.segment_sense is SegmentSense.CODE_ALONE:
        return Sense(fault.key, code)
    form = behaviour.device_sense_form
    whole = form is DeviceSenseForm.STATUS_FIRST
    kind = SenseWithStatusBefore if _tells_of_a_device(fault) and not whole else Sense
    sense = kind(
        fault.key,
        code,
        information=fault.residual if whole else None,
        command_specific=number if fault.key == SenseKey.COPY_ABORTED else None,
        pointer=pointer_of(behaviour, code, fault.pointer),
    )
    if not whole and fault.at_destination and fault.device_sense is None:
        return Sense(sense.key, sense.code, command_specific=sense.command_specific, pointer=sense.pointer)
    return _with_device_sense(sense, fault)


def _code(behaviour: CopyBehaviour, code: AdditionalSense) -> AdditionalSense:
    return AdditionalSense(behaviour.device_fault_asc, code.ascq) if code in DEVICE_FAULTS else code


def _not_reachable(fault: SegmentFault) -> Sense:
    """LIO: one code for everything in the copy, but for unequal block lengths."""
    if fault.code == asc.LOGICAL_UNIT_COMMUNICATION_FAILURE:
        return Sense(SenseKey.NOT_READY, fault.code)
    return Sense(SenseKey.COPY_ABORTED, asc.COPY_TARGET_DEVICE_NOT_REACHABLE)


def _tells_of_a_device(fault: SegmentFault) -> bool:
    return fault.device_sense is not None or fault.device_status is not Status.CHECK_CONDITION


def _with_device_sense(sense: Sense, fault: SegmentFault) -> Sense:
    """Add what a source or destination answered."""
    if fault.device_sense is not None:
        device = DeviceSense(Status.CHECK_CONDITION, fault.device_sense.encode())
    elif fault.device_status is not Status.CHECK_CONDITION:
        device = DeviceSense(fault.device_status)
    else:
        return sense
    return replace(sense, destination=device) if fault.at_destination else replace(sense, source=device)
