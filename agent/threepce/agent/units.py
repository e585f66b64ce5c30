"""Sources and destinations as a copy needs them: their CSCD descriptors and their sizes.

What a device says of itself is held against what the request says of it; each mismatch is an
InvalidRequest with device, field and value. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from threepce.agent import inspection, tape
from threepce.agent.engine import Engine
from threepce.agent.errors import InvalidRequest, NoDesignator
from threepce.agent.executor import Executor
from threepce.agent.inspection import Identity
from threepce.agent.request import Device, Disk, End, Tape
from threepce.scsi.cscd import MAXIMUM_DESIGNATOR_LENGTH, Cscd, CscdType, IdentificationCscd
from threepce.scsi.cscd_address import FcNPortNameCscd
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.device_parameters import (
    BLOCK_DEVICE_TYPES,
    BlockDeviceParameters,
    PeripheralDeviceType,
    SequentialDeviceParameters,
)
from threepce.scsi.sam import encode_lun

__all__ = ["BLOCK_LENGTH", "DEVICE_TYPE", "OVERLAP", "TRANSFER_LENGTH", "Unit", "look_up"]

BLOCK_LENGTH, DEVICE_TYPE, OVERLAP = "block length", "peripheral device type", "overlap"
TRANSFER_LENGTH = "transfer length"
"""Names of fields in InvalidRequest that callers tell apart."""

N_PORT_NAME_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Unit:
    """A source or destination that was looked up.

    `number_of_blocks` is None for a tape, and for a disk the host cannot reach. Two units with the
    same `name` are one.
    """

    end: End
    descriptor: Cscd
    block_length: int
    number_of_blocks: int | None
    name: tuple[object, ...]

    @property
    def pad(self) -> bool:
        """PAD of its descriptor."""
        return self.end.pad


def look_up(executor: Executor, end: End, engine: Engine | None) -> Unit:
    """Ask a device what it is. Without an engine its descriptor is of no use, and is not looked for.

    Raises InvalidRequest, NoDesignator, CommandFailed, UnexpectedAnswer.
    """
    identity = inspection.identify(executor, end.device) if end.device else None
    if identity is not None:
        _check_type(end, identity.peripheral_device_type)
    descriptor = end.descriptor or _descriptor(end.device, identity, engine)
    if isinstance(end, Disk):
        blocks, length = _size(executor, end)
        parameters = BlockDeviceParameters(pad=end.pad, disk_block_length=length)
        kind = identity.peripheral_device_type if identity else PeripheralDeviceType.DIRECT_ACCESS_BLOCK
        descriptor = replace(
            descriptor.with_device_parameters(parameters), peripheral_device_type=_member(kind)
        )
        return Unit(end, descriptor, length, blocks, _name(descriptor))
    if end.device is not None:
        _check_tape(executor, end, end.device)
    descriptor = replace(
        descriptor, peripheral_device_type=PeripheralDeviceType.SEQUENTIAL_ACCESS
    ).with_device_parameters(
        SequentialDeviceParameters(pad=end.pad, fixed=end.fixed, stream_block_length=end.block_length)
    )
    return Unit(end, descriptor, end.block_length, None, _name(descriptor))


def _member(kind: int) -> PeripheralDeviceType:
    return PeripheralDeviceType(kind)


def _name(descriptor: Cscd) -> tuple[object, ...]:
    """What tells one unit from another: the descriptor without what depends on its use."""
    return (type(descriptor), descriptor.encode()[4:28])


def _check_type(end: End, kind: int) -> None:
    wanted = BLOCK_DEVICE_TYPES if isinstance(end, Disk) else {PeripheralDeviceType.SEQUENTIAL_ACCESS}
    if kind not in wanted:
        words = "a block device (00h)" if isinstance(end, Disk) else "a tape (01h)"
        raise InvalidRequest(str(end), DEVICE_TYPE, f"peripheral device type {kind:02X}h", f"is not {words}")


def _descriptor(device: Device | None, identity: Identity | None, engine: Engine | None) -> Cscd:
    assert device is not None
    assert identity is not None
    codes = engine.parameters.implemented_descriptors if engine else ()
    by_port = engine is not None and CscdType.IDENTIFICATION not in codes
    if by_port and CscdType.FC_N_PORT_NAME in codes:
        for designator in identity.designators:
            if (
                designator.association == Association.TARGET_PORT
                and designator.designator_type == DesignatorType.NAA
                and len(designator.value) == N_PORT_NAME_LENGTH
            ):
                name = int.from_bytes(designator.value)
                return FcNPortNameCscd(n_port_name=name, lu_identifier=encode_lun(device.lun))
    try:
        return IdentificationCscd.of(inspection.best_designator(device, identity.designators))
    except NoDesignator:
        if engine is not None:
            raise
        # Nobody will be sent it: it only tells this unit from others.
        label = f"{id(device.nexus):x}.{device.lun}".encode()[-MAXIMUM_DESIGNATOR_LENGTH:]
        return IdentificationCscd.of(Designator(CodeSet.ASCII, Association.LOGICAL_UNIT, 0, label))


def _size(executor: Executor, end: Disk) -> tuple[int | None, int]:
    if end.device is None:
        assert end.block_length is not None
        return None, end.block_length
    capacity = inspection.read_capacity(executor, end.device)
    if end.block_length not in (None, capacity.block_length):
        raise InvalidRequest(
            str(end),
            BLOCK_LENGTH,
            end.block_length,
            f"the device has blocks of {capacity.block_length} bytes",
        )
    return capacity.number_of_blocks, capacity.block_length


def _check_tape(executor: Executor, end: Tape, device: Device) -> None:
    """Hold block and transfer length against the drive: it writes with the block length it is set to."""
    is_set = tape.block_length(executor, device)
    if is_set is not None and is_set != end.block_length and end.fixed:
        words = f"blocks of {is_set} bytes" if is_set else "blocks of variable length"
        raise InvalidRequest(str(end), BLOCK_LENGTH, end.block_length, f"the drive is set to {words}")
    limits = tape.block_limits(executor, device)
    length, field = (end.block_length, BLOCK_LENGTH) if end.fixed else (end.transfer_length, TRANSFER_LENGTH)
    shortest, longest = limits.minimum_block_length_limit, limits.maximum_block_length_limit
    if length < shortest or (longest and length > longest):
        raise InvalidRequest(
            str(end), field, length, f"the drive takes blocks of {shortest} to {longest} bytes"
        )
