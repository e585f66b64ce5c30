"""The seed's interface: `gen_ex_copy` ([0038]-[0044]) over the agent.

The flowchart of Fig. 7 is :func:`carry_out`. The seed's names live here and in the
`data_entity` modules: the structures, step 704 (`_check`), which device by which descriptor
(`_address`), which data (`_pieces`); `return_codes` says which code an error becomes.

Where the seed is silent, this is ours:

- `rcr`: its first two bytes are the length of the whole array, big-endian as on the seed's
  HP-UX, and stay as they are. After a failure RECEIVE COPY RESULTS data follows from the third
  byte on, cut to that length; four zero bytes (AVAILABLE DATA 0) say that the engine gave none.
- Return codes 0x2000 to 0x2fff, for faults in the input that no code of the seed covers.
- All of an element is one copy: its sources share commands where the engine's limits let them.
- A `d_bl` of 0 asks a disk for its block length. A tape has blocks of `d_bl` bytes with FIXED;
  without, of any length, and `d_bl` means nothing.
- `sdlt` goes into STREAM DEVICE TRANSFER LENGTH wherever there is a stream: bytes, with FIXED blocks.
  From tape to tape it is that of the destination, and the source moves as many bytes.
- `nblk` counts blocks of the source, from tape to disk of the destination. Of a tape without FIXED,
  copied to a tape, a block is what `sdlt` moves. `sdlba` and `ddlba` of a tape are 0: it goes on
  from where it stands.
- Inline data is an entry of `ts` whose device has the flag 29 alone: `nblk` bytes of ILD from the
  index `sdlba` on.

Each code but 0 is logged with its reason, at level WARNING, by the logger "threepce.agent".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import groupby

from threepce.agent.agent import CopyAgent, PreparedCopy
from threepce.agent.data_entity import (
    CAT,
    TAPE,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.data_entity_address import end_of
from threepce.agent.data_entity_check import verify
from threepce.agent.data_entity_pieces import is_inline, piece, transfer_length
from threepce.agent.engine import Engine
from threepce.agent.request import CopyRequest, Device, Inline, Part
from threepce.agent.return_codes import Failed, code_of, code_of_a_fault
from threepce.agent.transports.iscsi import IscsiNexus
from threepce.agent.transports.iscsi_url import SCHEME, BadIscsiUrl, IscsiUrl
from threepce.agent.transports.sg_io import SgIoNexus
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import TransportError
from threepce.scsi.segment import SegmentType

__all__ = ["ReturnCode", "data_desc_t", "data_entity_t", "data_src_t", "dev_desc_t", "gen_ex_copy"]

logger = logging.getLogger("threepce.agent")


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
        elements = verify(de, de_ent, ILD, ILD_ent)  # 704
        managers: dict[str, Device] = {}
        prepared = [_prepare(agent, element, ILD, managers) for element in elements]  # 706 to 712
        for copy in prepared:
            with code_of_a_fault():
                agent.run(copy)  # 714 to 726
    except Failed as failed:
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


# Steps 706 to 712: the devices are asked, nothing is written.


def _prepare(
    agent: CopyAgent, element: data_entity_t, inline: bytes, managers: dict[str, Device]
) -> PreparedCopy:
    manager = managers.get(element.dev_fn)
    if manager is None:
        with code_of(ReturnCode.OPEN_ERROR):
            manager = managers[element.dev_fn] = agent.open(element.dev_fn)
    with code_of(ReturnCode.INQUIRY_ERROR):
        inquiry = agent.inquire(manager)
    with code_of(ReturnCode.OPERATIONAL_PARAMETER_ERROR):
        engine = agent.engine(manager, inquiry=inquiry)
    sources = element.ts[: element.nae]
    if any(map(is_inline, sources)):
        _check_inline(engine)
    transfers = [
        transfer_length(data, source.src_device, element.des_dev)
        for source in sources
        for data in _data(source)
    ]
    request = CopyRequest(
        manager=manager,
        destination=end_of(agent, engine, element.des_dev, max(transfers)),
        parts=[part for source in sources for part in _parts(agent, engine, source, element.des_dev, inline)],
    )
    stream = str(request.destination) if element.des_dev.d_type == TAPE else ""
    with code_of_a_fault(stream):
        request.check()
        return agent.prepare(request, engine)


def _check_inline(engine: Engine) -> None:
    listed, code = engine.parameters.implemented_descriptors, SegmentType.INLINE_TO_STREAM
    if code not in listed and (listed or engine.dialect is not Dialect.T10_99_143):
        raise Failed(
            ReturnCode.INLINE_DATA_SEGMENT_NOT_SUPPORTED,
            f"{engine.device} implements no inline to stream device segment descriptor ({code:02X}h)",
        )


def _data(source: data_src_t) -> Sequence[data_desc_t]:
    return source.d2m[: source.n_a_e]


def _parts(
    agent: CopyAgent, engine: Engine, source: data_src_t, destination: dev_desc_t, inline: bytes
) -> Iterator[Part | Inline]:
    device = source.src_device
    if is_inline(source):
        for data in _data(source):
            index, count = int.from_bytes(data.sdlba), int.from_bytes(data.nblk)
            transfer = transfer_length(data, device, destination)
            yield Inline(inline[index : index + count], bool(data.flags & CAT), transfer)
        return
    # What is moved with another transfer length is a part of its own.
    for transfer, group in groupby(_data(source), lambda data: transfer_length(data, device, destination)):
        end = end_of(agent, engine, device, transfer)
        yield Part(end, [piece(data, device, destination) for data in group], transfer)
