"""What a copy manager shows of itself: which dialect it speaks, and its limits in that dialect.

The signs, in this order:

    RECEIVE COPY OPERATING PARAMETERS     LID1; SPC-2 where INQUIRY claims no later version
    VPD page 8Fh                          LID1 or LID4, by the commands it lists; limits from the page
    mode page 0Eh                         T10/99-143r1

The page 8Fh is read only where it is needed: old units have been seen to fall over pages they do
not know. Each question is asked once; what to do with the answers is the agent's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from threepce.agent import inspection
from threepce.agent.errors import AgentError, CannotBuildCommand, CommandFailed, UnexpectedAnswer
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.copy_results_143 import CopyManagerPageLayout
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import DecodeError
from threepce.scsi.list_header import Header143Layout
from threepce.scsi.mode import ModeData
from threepce.scsi.primary import Inquiry, ModeSense6, StandardInquiry
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ExtendedCopyLid4,
)
from threepce.scsi.vpd import VpdHeader, VpdPage
from threepce.scsi.vpd_third_party_copy import (
    BlockDeviceRodTokenLimits,
    GeneralCopyOperations,
    StreamCopyOperations,
    ThirdPartyCopyParameters,
    ThirdPartyCopyType,
    decode_code_list,
    decode_supported_commands,
    decode_third_party_copy,
)

__all__ = ["Engine", "ThirdPartyCopyPage", "look_at", "third_party_copy_page"]

SPC_2 = 0x04
"""The VERSION in INQUIRY data that claims SPC-2; lower ones claim less."""

MODE_PAGE = 0x0E
LONGEST_PAGE = 0xFFFF
SHORT_PAGE = 252


@dataclass(frozen=True, slots=True)
class ThirdPartyCopyPage:
    """VPD page 8Fh, as far as a copy needs it.

    `commands` are pairs of operation code and service action. `parameters` is None for a page
    without Parameter Data, `token_limits` for one without limits of tokens.
    """

    commands: frozenset[tuple[int, int]]
    parameters: OperatingParameters | None
    token_limits: BlockDeviceRodTokenLimits | None

    def knows(self, command: Any) -> bool:
        """Whether the page lists a command."""
        return (command.OPCODE, command.SERVICE_ACTION) in self.commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A copy manager as the planner and the executor need it. `shown_by` is what told the dialect."""

    device: Device
    inquiry: StandardInquiry
    dialect: Dialect
    parameters: OperatingParameters
    shown_by: str
    header_layout: Header143Layout = field(default_factory=Header143Layout)

    def concurrent_copies(self) -> int:
        """How many copies may run at once from one nexus: at least 1 (SPC-4 6.22.2).

        A TOTAL CONCURRENT COPIES of 0 is not known there; MAXIMUM CONCURRENT COPIES is.
        """
        counts = (self.parameters.total_concurrent_copies, self.parameters.maximum_concurrent_copies)
        return min((count for count in counts if count), default=1)


def third_party_copy_page(executor: Executor, device: Device) -> ThirdPartyCopyPage:
    """VPD page 8Fh. Raises CommandFailed where there is none, UnexpectedAnswer for nonsense."""
    page = VpdPage.THIRD_PARTY_COPY
    length = SHORT_PAGE
    try:
        while True:
            cdb = Inquiry(evpd=True, page_code=page, allocation_length=length)
            data = executor.send(device, cdb, data_in_length=length).data_in
            whole = VpdHeader.SIZE + VpdHeader.decode(data).page_length
            if length == SHORT_PAGE and whole > length:
                length = min(whole, LONGEST_PAGE)
                continue
            descriptors = {item.descriptor_type: item.data for item in decode_third_party_copy(data)[0]}
            return _page(descriptors)
    except ValueError as error:
        raise UnexpectedAnswer(str(device), Inquiry.TITLE, str(error)) from error


def _page(descriptors: dict[int, bytes]) -> ThirdPartyCopyPage:
    def find(kind: ThirdPartyCopyType, decode: Callable[[bytes], Any], default: Any) -> Any:
        data = descriptors.get(kind)
        return default if data is None else decode(data)

    kinds = ThirdPartyCopyType
    commands = frozenset(
        (item.operation_code, action)
        for item in find(kinds.SUPPORTED_COMMANDS, decode_supported_commands, ())
        for action in item.service_actions
    )
    lists = find(kinds.PARAMETER_DATA, ThirdPartyCopyParameters.decode, None)
    parameters = None
    if lists is not None:
        general = find(kinds.GENERAL_COPY_OPERATIONS, GeneralCopyOperations.decode, GeneralCopyOperations())
        stream = find(kinds.STREAM_COPY_OPERATIONS, StreamCopyOperations.decode, StreamCopyOperations())
        parameters = OperatingParameters(
            maximum_cscd_descriptor_count=lists.maximum_cscd_descriptor_count,
            maximum_segment_descriptor_count=lists.maximum_segment_descriptor_count,
            maximum_descriptor_list_length=lists.maximum_descriptor_list_length,
            maximum_inline_data_length=lists.maximum_inline_data_length,
            maximum_segment_length=general.maximum_segment_length,
            data_segment_granularity=general.data_segment_granularity,
            inline_data_granularity=general.inline_data_granularity,
            total_concurrent_copies=general.total_concurrent_copies,
            maximum_concurrent_copies=general.maximum_identified_concurrent_copies,
            maximum_stream_device_transfer_size=stream.maximum_stream_device_transfer_size,
            implemented_descriptors=tuple(find(kinds.SUPPORTED_DESCRIPTORS, decode_code_list, b"")),
        )
    tokens = find(kinds.BLOCK_DEVICE_ROD_TOKEN_LIMITS, BlockDeviceRodTokenLimits.decode, None)
    return ThirdPartyCopyPage(commands, parameters, tokens)


def look_at(
    executor: Executor, device: Device, inquiry: StandardInquiry, wanted: Dialect | None = None
) -> Engine:
    """The copy manager in the dialect that it shows, or in the one that is wanted of it.

    Raises CommandFailed when it tells no limits at all, CannotBuildCommand when it lists commands
    and those of the wanted dialect are not among them.
    """

    def engine(dialect: Dialect, parameters: OperatingParameters, shown_by: str) -> Engine:
        return Engine(
            device=device, inquiry=inquiry, dialect=dialect, parameters=parameters, shown_by=shown_by
        )

    refused: AgentError | None = None
    if wanted not in (Dialect.T10_99_143, Dialect.LID4):
        try:
            parameters = inspection.operating_parameters(executor, device)
        except CommandFailed as error:
            refused = error
        else:
            older = inquiry.version <= SPC_2
            return engine(
                wanted or (Dialect.SPC_2 if older else Dialect.LID1),
                parameters,
                "RECEIVE COPY OPERATING PARAMETERS",
            )
    if wanted is not Dialect.T10_99_143:
        try:
            page = third_party_copy_page(executor, device)
        except (CommandFailed, UnexpectedAnswer) as error:
            refused = refused or error
        else:
            return _by_page(engine, device, page, wanted, refused)
    try:
        return engine(Dialect.T10_99_143, _mode_page(executor, device), "mode page 0Eh")
    except (CommandFailed, UnexpectedAnswer) as error:
        raise (refused or error) from None


def _by_page(
    engine: Callable[[Dialect, OperatingParameters, str], Engine],
    device: Device,
    page: ThirdPartyCopyPage,
    wanted: Dialect | None,
    refused: AgentError | None,
) -> Engine:
    for dialect, command in ((Dialect.LID1, ExtendedCopyLid1), (Dialect.LID4, ExtendedCopyLid4)):
        if page.parameters is not None and wanted in (None, dialect) and page.knows(command):
            return engine(dialect, page.parameters, "VPD page 8Fh")
    if refused is not None:
        raise refused
    raise CannotBuildCommand(
        str(device), "SUPPORTED COMMANDS", "VPD page 8Fh lists no EXTENDED COPY of the dialect wanted"
    )


def _mode_page(executor: Executor, device: Device) -> OperatingParameters:
    """The limits in mode page 0Eh, in the layout that `copy_results_143` has for it."""
    cdb = ModeSense6(dbd=True, page_code=MODE_PAGE)
    data = executor.send(device, cdb, data_in_length=cdb.allocation_length).data_in
    try:
        pages = {page.page_code: page.data for page in ModeData.decode6(data).pages}
    except DecodeError as error:
        raise UnexpectedAnswer(str(device), cdb.TITLE, str(error)) from error
    if MODE_PAGE not in pages:
        raise UnexpectedAnswer(str(device), cdb.TITLE, "there is no page 0Eh in the answer")
    return CopyManagerPageLayout().decode(pages[MODE_PAGE])
