"""The copy agent: the flowchart of Fig. 7 ([0138]-[0147]), one method a stage.

:meth:`CopyAgent.copy_all` is the flowchart; read it first. Fig. 7 goes back to step 706 for every
element; here steps 704 to 712 of every request come before step 714 of the first, so that nothing
is written before all of it is checked.

This module knows no transport: devices come from the `open_device` it is given. Nor does it know
the seed's structures, which `gen_ex_copy` owns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threepce.agent import inspection
from threepce.agent.errors import AgentError, InvalidRequest, NotACopyManager
from threepce.agent.executor import Executor, Patience
from threepce.agent.inspection import Capacity
from threepce.agent.limits import CommandLimits, command_limits
from threepce.agent.planner import count_commands, plan
from threepce.agent.report import CommandReport, CopyReport
from threepce.agent.request import CopyRequest, Device, Extent
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.primary import StandardInquiry
from threepce.scsi.sense import Sense

if TYPE_CHECKING:
    from threepce.agent.data_entity import data_entity_t

__all__ = ["BLOCK_LENGTH", "DEVICE_TYPE", "OVERLAP", "CopyAgent", "PreparedCopy"]

DIRECT_ACCESS_BLOCK_DEVICE = 0x00

BLOCK_LENGTH, DEVICE_TYPE, OVERLAP = "block length", "peripheral device type", "overlap"
"""Names of fields in InvalidRequest that callers tell apart."""


@dataclass(frozen=True, slots=True)
class PreparedCopy:
    """A request that was checked against its devices, ready to be run.

    `lower_bound` is the fewest commands the limits allow for it.
    """

    request: CopyRequest
    limits: CommandLimits
    cscd_descriptors: tuple[IdentificationCscd, ...]
    lower_bound: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """A source or destination as the copy needs it."""

    device: Device
    descriptor: IdentificationCscd
    capacity: Capacity


class CopyAgent:
    """Carries out copy requests by sending EXTENDED COPY commands to copy managers.

    `open_device` turns a name into a device; `pause` waits so many seconds.
    """

    def __init__(
        self,
        open_device: Callable[[str], Device],
        *,
        pause: Callable[[float], object] = time.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._open_device = open_device
        self.executor = Executor(pause, patience)

    def open(self, name: str) -> Device:
        """The device of this name, as `open_device` finds it."""
        return self._open_device(name)

    def copy(self, request: CopyRequest) -> CopyReport:
        """Carry out one request. Raises AgentError, TransportError; see `copy_all`."""
        return self.copy_all([request])[0]

    def copy_all(self, requests: Sequence[CopyRequest]) -> list[CopyReport]:
        """Carry out requests in order: Fig. 7.

        Raises InvalidRequest, NotACopyManager, NoDesignator, CannotBuildCommand before anything
        is written; CopyAborted or CommandFailed, with a report of the request that failed, when
        an EXTENDED COPY did; TransportError as it comes.
        """
        for request in requests:
            request.verify()  # 704
        prepared = []
        for request in requests:
            self.inquire(request.manager)  # 706
            parameters = self.operating_parameters(request.manager)  # 708
            prepared.append(self.prepare(request, parameters))  # 710, 712
        return [self.run(copy) for copy in prepared]  # 714 to 726, and 728 for each

    def inquire(self, manager: Device) -> StandardInquiry:
        """Step 706: is this a third-party copy device at all? Raises NotACopyManager ([0140])."""
        inquiry = inspection.inquire(self.executor, manager)
        if not inquiry.third_party_copy:
            raise NotACopyManager(str(manager))
        return inquiry

    def operating_parameters(self, manager: Device) -> OperatingParameters:
        """Step 708: the limits of the copy manager ([0141])."""
        return inspection.operating_parameters(self.executor, manager)

    def prepare(self, request: CopyRequest, parameters: OperatingParameters) -> PreparedCopy:
        """Steps 710 and 712: can a valid command be made, and how many will it take?

        Asks both units for their names and their size, writes nothing. Raises CannotBuildCommand
        ([0141]), NoDesignator ([0143]), InvalidRequest.
        """
        source = self._unit(request.source, request.source_block_length, pad=request.source_pad)
        destination = self._unit(
            request.destination, request.destination_block_length, pad=request.destination_pad
        )
        same_unit = _name(source) == _name(destination)
        descriptors: tuple[IdentificationCscd, ...] = (source.descriptor, destination.descriptor)
        # Old managers expect two descriptors even for one unit; one will do where one must.
        if same_unit and parameters.maximum_cscd_descriptor_count == 1:
            descriptors = descriptors[:1]
        limits = command_limits(
            parameters,
            source_block_length=source.capacity.block_length,
            destination_block_length=destination.capacity.block_length,
            cscd_descriptors=len(descriptors),
            same_unit=same_unit,
            party=str(request.manager),
        )
        for index, extent in enumerate(request.extents):
            _check_extent(index, extent, limits, source, destination)
        lower_bound = count_commands(request.extents, limits)
        return PreparedCopy(request, limits, descriptors, lower_bound)

    def run(self, prepared: PreparedCopy) -> CopyReport:
        """Steps 714 to 726: build and send commands until all of the data is copied.

        An error stops at once ([0145]): the rest of the request is not sent. Raises CopyAborted,
        CommandFailed with `report` saying what was copied, TransportError.
        """
        request = prepared.request
        report = CopyReport(prepared.limits.source_block_length, prepared.lower_bound)
        commands = plan(
            request.extents,
            prepared.limits,
            prepared.cscd_descriptors,
            list_identifier=request.list_identifier,
            priority=request.priority,
        )
        for command in commands:  # 714; the end of the plan is "all copied" at 726
            try:
                completion = self.executor.extended_copy(  # 716, 718; on error 722
                    request.manager, command.parameter_list, timeout=request.timeout
                )
            except AgentError as error:
                error.report = report
                raise  # 724
            sense = Sense.decode(completion.sense)
            report.commands.append(CommandReport(command.number, command.segments, sense))
        return report

    def gen_ex_copy(
        self,
        de: Sequence[data_entity_t],
        de_ent: int,
        ILD: bytes,  # noqa: N803
        ILD_ent: int,  # noqa: N803
        rcr: bytearray | memoryview,
    ) -> int:
        """The seed's function ([0038]) over the devices of this agent; see `gen_ex_copy`."""
        # The seed's layer stands on this module, so it can be reached only from within.
        from threepce.agent.gen_ex_copy import carry_out

        return carry_out(self, de, de_ent, ILD, ILD_ent, rcr)

    def _unit(self, device: Device, block_length: int | None, *, pad: bool) -> _Unit:
        identity = inspection.identify(self.executor, device)
        if identity.peripheral_device_type != DIRECT_ACCESS_BLOCK_DEVICE:
            raise InvalidRequest(
                str(device),
                DEVICE_TYPE,
                f"{identity.peripheral_device_type:02X}h",
                "only copies between direct access block devices (00h) can be built",
            )
        designator = inspection.best_designator(device, identity.designators)
        capacity = inspection.read_capacity(self.executor, device)
        if block_length not in (None, capacity.block_length):
            raise InvalidRequest(
                str(device),
                BLOCK_LENGTH,
                block_length,
                f"the device has blocks of {capacity.block_length} bytes",
            )
        descriptor = IdentificationCscd.of(designator, disk_block_length=capacity.block_length, pad=pad)
        return _Unit(device, descriptor, capacity)


def _name(unit: _Unit) -> tuple[int, int, bytes]:
    descriptor = unit.descriptor
    return descriptor.code_set, descriptor.designator_type, descriptor.designator


def _check_extent(
    index: int, extent: Extent, limits: CommandLimits, source: _Unit, destination: _Unit
) -> None:
    """Refuse blocks that are not there, and a copy that would read what it has written."""
    filled = limits.destination_blocks(extent.number_of_blocks)
    for unit, field, lba, blocks in (
        (source, "source", extent.source_lba, extent.number_of_blocks),
        (destination, "destination", extent.destination_lba, filled),
    ):
        if lba + blocks > unit.capacity.number_of_blocks:
            raise InvalidRequest(
                str(unit.device),
                f"extent {index} {field} LBA",
                lba,
                f"{blocks} blocks from there end beyond the {unit.capacity.number_of_blocks} of the device",
            )
    distance = abs(extent.source_lba - extent.destination_lba)
    if limits.same_unit and distance < extent.number_of_blocks:
        raise InvalidRequest(
            str(source.device),
            OVERLAP,
            f"of extent {index}",
            f"{extent.number_of_blocks} blocks from LBA {extent.source_lba} to LBA "
            f"{extent.destination_lba} of the same unit: what would be there afterwards depends "
            "on the engine",
        )
