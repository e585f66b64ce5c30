"""The seed's interface: `gen_ex_copy` ([0038]-[0044]) over the agent.

Block to block, with devices named by LUN or by WWN; whatever else the structures can say returns
the seed's code for what cannot be built. The seed's names live here and in `data_entity` alone.

Where the seed is silent, this is ours:

- `rcr`: its first two bytes are the length of the whole array, big-endian as on the seed's
  HP-UX, and stay as they are. After a failure RECEIVE COPY RESULTS data follows from the third
  byte on, cut to that length; four zero bytes (AVAILABLE DATA 0) say that the engine gave none.
- Return codes 0x2000 to 0x2fff, for faults in the input that no code of the seed covers.
- A `d_bl` of 0 asks the device for its block length.
- A LUN alone (bit 24) is a logical unit beside the 3PCE, on the same nexus. A WWN alone (bit 25)
  is the NAA designator of one: all 8 bytes of it, else the first 8 of the 16 of an NAA 6h.

Each code but 0 is logged with its reason, at level WARNING, by the logger "threepce.agent".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from threepce.agent import inspection
from threepce.agent.agent import BLOCK_LENGTH, DEVICE_TYPE, OVERLAP, CopyAgent, PreparedCopy
from threepce.agent.data_entity import (
    ADDRESSES,
    CAT,
    DESTINATION_DEVICE,
    DISK,
    FIXED,
    INLINE_DEVICE,
    LUN_VALID,
    MAX_TS,
    PAD,
    ROLES,
    SOURCE_DEVICE,
    TAPE,
    WWN_VALID,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    InvalidRequest,
    NoDesignator,
    NotACopyManager,
    UnexpectedAnswer,
)
from threepce.agent.request import CopyRequest, Device, Disk, Extent, Part, verify_extents
from threepce.agent.transports.iscsi import IscsiNexus
from threepce.agent.transports.iscsi_url import SCHEME, BadIscsiUrl, IscsiUrl
from threepce.agent.transports.sg_io import SgIoNexus
from threepce.scsi.additional_sense import PARAMETER_LIST_LENGTH_ERROR
from threepce.scsi.designator import Association, Designator, DesignatorType
from threepce.scsi.nexus import TransportError
from threepce.scsi.primary import Inquiry
from threepce.scsi.sam import decode_lun

__all__ = ["ReturnCode", "data_desc_t", "data_entity_t", "data_src_t", "dev_desc_t", "gen_ex_copy"]

logger = logging.getLogger("threepce.agent")

NAA_6 = 0x6


def gen_ex_copy(
    de: Sequence[data_entity_t],
    de_ent: int,
    ILD: bytes,  # noqa: N803
    ILD_ent: int,  # noqa: N803
    rcr: bytearray | memoryview,
) -> int:
    """Copy what `de` describes; `dev_fn` names an sg node such as /dev/sg3 ([0038]), or is a URL of iSCSI.

    Returns a ReturnCode, 0 when all of it was copied. Elements are copied in order; the first
    error ends the function and puts RECEIVE COPY RESULTS data into `rcr` (see the module).
    """
    with ExitStack() as opened:

        def open_device(path: str) -> Device:
            if path.startswith(SCHEME):
                return _open_url(path, opened)
            nexus = opened.enter_context(closing(SgIoNexus(path)))
            return Device(nexus, nexus.lun, path)

        return CopyAgent(open_device).gen_ex_copy(de, de_ent, ILD, ILD_ent, rcr)


def _open_url(text: str, opened: ExitStack) -> Device:
    try:
        url = IscsiUrl.parse(text)
    except BadIscsiUrl as error:
        raise TransportError(str(error)) from error
    # A source may be idle for as long as a copy takes, and be dropped for that; see `iscsi`.
    nexus = opened.enter_context(IscsiNexus(url, reconnect=True))
    return Device(nexus, url.lun, str(url))


class _Failed(Exception):
    """Ends the function with this code."""

    def __init__(self, code: ReturnCode, reason: object, results: bytes = b"") -> None:
        super().__init__(str(reason))
        self.code = code
        self.results = results


def carry_out(
    agent: CopyAgent,
    de: Sequence[data_entity_t],
    de_ent: int,
    ILD: bytes,  # noqa: N803
    ILD_ent: int,  # noqa: N803
    rcr: bytearray | memoryview,
) -> int:
    """What `gen_ex_copy` does, with the devices of `agent`."""
    try:
        elements = _verify(de, de_ent, ILD, ILD_ent)
        managers: dict[str, Device] = {}
        prepared: list[PreparedCopy] = []
        for element in elements:
            prepared += _prepare(agent, element, managers)
        for copy in prepared:
            with _code_of_a_fault():
                agent.run(copy)
    except _Failed as failed:
        logger.warning("gen_ex_copy returns %#08x: %s", failed.code, failed)
        _fill(rcr, failed.results)
        return failed.code
    return ReturnCode.SUCCESSFUL


def _fill(rcr: bytearray | memoryview, results: bytes) -> None:
    """Put results behind the two length bytes, never beyond the length they give."""
    length = min(int.from_bytes(bytes(rcr[:2])), len(rcr)) if len(rcr) >= 2 else 0
    data = (results or bytes(4))[: max(length - 2, 0)]
    for index, byte in enumerate(data):
        rcr[2 + index] = byte


# Step 704 ([0139]): the input alone, before any device is opened.


def _verify(
    de: Sequence[data_entity_t],
    de_ent: int,
    ILD: bytes,  # noqa: N803
    ILD_ent: int,  # noqa: N803
) -> Sequence[data_entity_t]:
    if de_ent <= 0:
        raise _Failed(ReturnCode.NUMBER_OF_DATA_ENTITIES, f"de_ent {de_ent}: must be above 0")
    if ILD_ent < 0:
        raise _Failed(ReturnCode.NUMBER_OF_INLINE_DATA_BYTES, f"ILD_ent {ILD_ent}: is below 0")
    _verify_count("de_ent", de_ent, len(de))
    _verify_count("ILD_ent", ILD_ent, len(ILD))
    for index, element in enumerate(de[:de_ent]):
        place = f"de[{index}]"
        if not 1 <= element.nae <= MAX_TS:
            raise _Failed(
                ReturnCode.COUNT_OF_ARRAY_ENTRIES,
                f"{place}.nae {element.nae}: must be 1 to {MAX_TS}",
            )
        _verify_count(f"{place}.nae", element.nae, len(element.ts))
        for at, source in enumerate(element.ts[: element.nae]):
            _verify_source(f"{place}.ts[{at}]", source, element.des_dev)
        _verify_device(f"{place}.des_dev", element.des_dev, DESTINATION_DEVICE)
    return de[:de_ent]


def _verify_count(name: str, count: int, length: int) -> None:
    if count > length:
        raise _Failed(ReturnCode.COUNT_OF_ARRAY_ENTRIES, f"{name} {count}: the array holds {length}")


def _verify_source(place: str, source: data_src_t, destination: dev_desc_t) -> None:
    if source.n_a_e < 1:
        raise _Failed(ReturnCode.COUNT_OF_ARRAY_ENTRIES, f"{place}.n_a_e {source.n_a_e}: must be above 0")
    _verify_count(f"{place}.n_a_e", source.n_a_e, len(source.d2m))
    if source.src_device.d_flags & ROLES == INLINE_DEVICE:
        if destination.d_type != TAPE:
            raise _Failed(
                ReturnCode.DESTINATION_NOT_A_STREAM_DEVICE,
                f"{place}: inline data can only be written to a stream device",
            )
        raise _Failed(
            ReturnCode.INLINE_DATA_SEGMENT_NOT_SUPPORTED,
            f"{place}: this agent builds no inline segment (04h)",
        )
    _verify_device(f"{place}.src_device", source.src_device, SOURCE_DEVICE)
    for index, data in enumerate(source.d2m[: source.n_a_e]):
        if data.flags & ~CAT:
            raise _Failed(ReturnCode.FLAGS, f"{place}.d2m[{index}].flags {data.flags:#x}: a reserved bit")
    with _code_of_a_fault():
        verify_extents(f"{place}.src_device", f"{place} to des_dev", _extents(source))


def _verify_device(place: str, device: dev_desc_t, role: int) -> None:
    flags = device.d_flags
    if flags & ROLES != role or flags & ~(ROLES | ADDRESSES | PAD | FIXED):
        raise _Failed(
            ReturnCode.FLAGS,
            f"{place}.d_flags {flags:#010x}: wants {role:#010x} as the only one of bits 31 to 29, "
            "and no reserved bit",
        )
    if device.d_type != DISK:
        raise _Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_type {device.d_type:02X}h: only direct access block devices (00h) can be described",
        )
    if flags & FIXED:
        raise _Failed(ReturnCode.FLAGS, f"{place}.d_flags {flags:#010x}: FIXED is for streams")
    if flags & ADDRESSES not in (LUN_VALID, WWN_VALID):
        raise _Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_flags {flags:#010x}: a descriptor can be built of the LUN alone (bit 24) "
            "or of the WWN alone (bit 25)",
        )


# Steps 706 to 712: the devices are asked, nothing is written.


def _prepare(agent: CopyAgent, element: data_entity_t, managers: dict[str, Device]) -> Iterator[PreparedCopy]:
    manager = managers.get(element.dev_fn)
    if manager is None:
        with _code_of(ReturnCode.OPEN_ERROR):
            manager = managers[element.dev_fn] = agent.open(element.dev_fn)
    with _code_of(ReturnCode.INQUIRY_ERROR):
        inquiry = agent.inquire(manager)
    with _code_of(ReturnCode.OPERATIONAL_PARAMETER_ERROR):
        engine = agent.engine(manager, inquiry=inquiry)
    destination = _find(agent, manager, element.des_dev)
    for source in element.ts[: element.nae]:
        request = CopyRequest(
            manager=manager,
            destination=Disk(destination, element.des_dev.d_bl or None, bool(element.des_dev.d_flags & PAD)),
            parts=[
                Part(
                    Disk(
                        _find(agent, manager, source.src_device),
                        source.src_device.d_bl or None,
                        bool(source.src_device.d_flags & PAD),
                    ),
                    _extents(source),
                )
            ],
        )
        with _code_of_a_fault():
            prepared = agent.prepare(request, engine)
        yield prepared


def _extents(source: data_src_t) -> list[Extent]:
    return [
        Extent(
            int.from_bytes(data.sdlba),
            int.from_bytes(data.ddlba),
            int.from_bytes(data.nblk),
            bool(data.flags & CAT),
        )
        for data in source.d2m[: source.n_a_e]
    ]


def _find(agent: CopyAgent, manager: Device, device: dev_desc_t) -> Device:
    """The logical unit that a device description means, reached through the 3PCE's nexus."""
    if device.d_flags & LUN_VALID:
        try:
            lun = decode_lun(device.d_lun)
        except ValueError as error:
            raise _Failed(ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR, error) from error
        return _beside(manager, lun)
    wwn = device.d_wwn
    with _code_of_a_fault():
        found = list(_naa_designators(agent, manager))
    matches = [lun for lun, naa in found if naa == wwn]
    if not matches and wwn[0] >> 4 == NAA_6:
        matches = [lun for lun, naa in found if len(naa) == 16 and naa.startswith(wwn)]
    if len(matches) != 1:
        raise _Failed(
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


# Which code an error becomes.


@contextmanager
def _code_of(code: ReturnCode) -> Iterator[None]:
    """Any failure in the block returns this code; only opening a device gives an OSError."""
    try:
        yield
    except NotACopyManager as error:
        raise _Failed(ReturnCode.NON_SUPPORTED_3RD_PARTY_COPY_DEVICE, error) from error
    except (AgentError, TransportError, OSError) as error:
        raise _Failed(code, error) from error


@contextmanager
def _code_of_a_fault() -> Iterator[None]:
    """What stands in the way of a request, or of a command once it is sent, by its kind."""
    try:
        yield
    except (AgentError, TransportError) as error:
        results = error.results.data if isinstance(error, CommandFailed) else b""
        raise _Failed(_kind(error), error, results) from error


_FIELDS = {
    BLOCK_LENGTH: ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
    DEVICE_TYPE: ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
    OVERLAP: ReturnCode.OVERLAP,
}
_LIMITS = {"MAXIMUM DESCRIPTOR LIST LENGTH": ReturnCode.PARAMETER_LIST_LENGTH_ERROR}


def _kind(error: Exception) -> ReturnCode:
    code = ReturnCode.SCSI_COMMAND_ERROR
    match error:
        case InvalidRequest():
            code = _FIELDS.get(error.field, ReturnCode.DATA_OUT_OF_RANGE)
        case CannotBuildCommand():
            code = _LIMITS.get(error.limit, ReturnCode.OPERATIONAL_PARAMETER_ERROR)
        case NoDesignator():
            code = ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR
        case CommandFailed(command=Inquiry.TITLE) | UnexpectedAnswer(command=Inquiry.TITLE):
            # The unit was asked for its names, and without one there is no descriptor.
            code = ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR
        case CommandFailed() if error.sense and error.sense.code == PARAMETER_LIST_LENGTH_ERROR:
            code = ReturnCode.PARAMETER_LIST_LENGTH_ERROR
    return code
