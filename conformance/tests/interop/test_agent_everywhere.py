"""One script of the agent on every way to an engine, and on a target that is no third-party copy device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from threepce.agent import CopyAgent, CopyRequest, Device, Disk, Extent, NotACopyManager, Part
from threepce.agent.data_entity import (
    DESTINATION_DEVICE,
    LUN_VALID,
    SOURCE_DEVICE,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.gen_ex_copy import gen_ex_copy
from threepce.conformance.engines import UnitRequest, parse_engine
from threepce.conformance.engines.base import Bench
from threepce.conformance.units import drain, read_blocks, write_blocks
from threepce.scsi.nexus import Nexus
from threepce.scsi.sam import encode_lun

from .test_initiators import LUN, Tgt, ready

BLOCK, BLOCKS = 512, 4096
STAMPS = b"".join(number.to_bytes(8) * (BLOCK // 8) for number in range(BLOCKS))
"""Every block is another."""
ENGINES = ["emulator", "emulator:lio-6.1", "emulator+iscsi", "lio", "lio+iscsi"]


def copy_all(nexus: Nexus, source: int, destination: int) -> int:
    """The script: copy a disk but for its last block, and read it back. How many bytes the engine moved."""
    disks = [Disk(Device(nexus, lun, f"LUN {lun}")) for lun in (source, destination)]
    manager = Device(nexus, destination, "manager")
    parts = [Part(disks[0], [Extent(0, 1, BLOCKS - 1)])]
    agent = CopyAgent(lambda name: pytest.fail(f"{name} is opened"))

    report = agent.copy(CopyRequest(manager=manager, destination=disks[1], parts=parts, verify=True))

    assert (report.host_bytes, report.verified) == (0, report.offloaded_bytes)
    return report.offloaded_bytes


def stamps(first: int, count: int) -> bytes:
    """What the blocks of the source hold."""
    return STAMPS[first * BLOCK : (first + count) * BLOCK]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    engine = parse_engine(request.param)
    engine.start()
    yield engine.prepare([UnitRequest(name, BLOCK, BLOCKS) for name in ("source", "destination")])
    engine.close()


@pytest.mark.parametrize("bench", ENGINES, indirect=True)
def test_the_same_script_copies_on_every_engine(bench: Bench) -> None:
    """In process, over iSCSI, through SG_IO and through LIO's own portal: the same bytes, all offloaded."""
    source, destination = bench.units["source"], bench.units["destination"]
    for name, unit in bench.units.items():
        drain(bench.nexus, name, unit)
    write_blocks(bench.nexus, "source", source, range(BLOCKS), stamps)

    assert copy_all(bench.nexus, source.lun, destination.lun) == (BLOCKS - 1) * BLOCK

    written = read_blocks(bench.nexus, "destination", destination, 1, BLOCKS - 1)
    assert written == stamps(0, BLOCKS - 1)


def test_tgt_is_no_third_party_copy_device(tmp_path: Path) -> None:
    """tgt has no EXTENDED COPY, and says so in INQUIRY data: 3PC is zero. Nothing is sent ([0140])."""
    tgt = Tgt(tmp_path)
    try:
        with ready(tgt) as nexus, pytest.raises(NotACopyManager, match="not a third-party copy device"):
            copy_all(nexus, LUN, LUN)
        element = data_entity_t(
            tgt.url(),
            dev_desc_t(d_lun=encode_lun(LUN), d_flags=DESTINATION_DEVICE | LUN_VALID),
            1,
            [
                data_src_t(
                    dev_desc_t(d_lun=encode_lun(LUN), d_flags=SOURCE_DEVICE | LUN_VALID),
                    1,
                    [data_desc_t(ddlba=(8).to_bytes(8), nblk=(8).to_bytes(8))],
                )
            ],
        )
        assert gen_ex_copy([element], 1, b"", 0, bytearray(64)) == (
            ReturnCode.NON_SUPPORTED_3RD_PARTY_COPY_DEVICE
        )
    finally:
        tgt.process.kill()
        tgt.process.wait()
