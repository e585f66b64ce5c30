"""Our initiator against somebody else's target: tgt, in user space on the loopback interface.

Against LIO it is held in `tests/lab/test_portal.py`, for that one lives in the lab's guest.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from threepce.agent.transports.iscsi import IscsiNexus, discover
from threepce.agent.transports.iscsi_login import WANTED
from threepce.scsi.block import Read16, Write16
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.nexus import Completion, TransportError
from threepce.scsi.primary import Inquiry, ReportLuns, StandardInquiry, decode_lun_list
from threepce.scsi.sam import Status

TARGET = "iqn.2026-01.example.threepce:tgt"
GUARDED = "iqn.2026-01.example.threepce:guarded"
LUN = 1  # tgt keeps LUN 0 for a controller of its own
BLOCKS = 1 << 15
DEADLINE = 20.0
MIB = 1 << 20


class Tgt:
    """A tgtd of ours, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as any_socket:
            any_socket.bind(("127.0.0.1", 0))
            self.port = int(any_socket.getsockname()[1])
        # A socket of its own tells it from others on this machine.
        self._environment = {**os.environ, "TGT_IPC_SOCKET": str(folder / "ipc")}
        with (folder / "tgtd.log").open("wb") as log:
            self.process = subprocess.Popen(
                [_program("tgtd"), "--foreground", "--iscsi", f"portal=127.0.0.1:{self.port}"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + DEADLINE
        while self._asked("--mode", "sys", "--op", "show").returncode:
            assert self.process.poll() is None, (folder / "tgtd.log").read_text()
            assert time.monotonic() < deadline, "tgtd does not answer tgtadm"
        for number, name in enumerate((TARGET, GUARDED), 1):
            image = folder / f"{number}.img"
            with image.open("xb") as file:
                file.truncate(BLOCKS * 512)
            target = ("--lld", "iscsi", "--tid", str(number))
            self.tell("--mode", "target", "--op", "new", *target, "-T", name)
            self.tell("--mode", "logicalunit", "--op", "new", *target, "--lun", str(LUN), "-b", str(image))
            self.tell("--mode", "target", "--op", "bind", *target, "-I", "ALL")

    def tell(self, *arguments: str) -> None:
        """Have tgtadm do something."""
        result = self._asked(*arguments)
        assert result.returncode == 0, f"tgtadm {' '.join(arguments)}: {result.stderr}"

    def set(self, number: int, parameters: Mapping[str, str]) -> None:
        """Set negotiation parameters of a target."""
        for name, value in parameters.items():
            target = ("--lld", "iscsi", "--tid", str(number))
            self.tell("--mode", "target", "--op", "update", *target, "--name", name, "--value", value)

    def url(self, target: str = TARGET, user: str = "") -> str:
        return f"iscsi://{user}127.0.0.1:{self.port}/{target}/{LUN}"

    def _asked(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_program("tgtadm"), *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )


def _program(name: str) -> str:
    """Where a program is; Debian has these in /usr/sbin. They are never skipped for want of it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    for folder in os.get_exec_path() if found is None else ():
        found = found or shutil.which(name, path=str(Path(folder).parent / "sbin"))
    assert found is not None, f"{name} is missing: install the package tgt"
    return found


@pytest.fixture(scope="module")
def tgt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tgt]:
    running = Tgt(tmp_path_factory.mktemp("tgt"))
    yield running
    running.process.kill()
    running.process.wait()


def ready(tgt: Tgt, **options: Any) -> IscsiNexus:
    """A session whose unit has told its unit attentions."""
    nexus = IscsiNexus(tgt.url(), **options)
    for _ in range(3):
        nexus.execute(LUN, bytes(6))
    return nexus


def write(lba: int, blocks: int) -> bytes:
    return Write16(logical_block_address=lba, transfer_length=blocks).encode()


def read(lba: int, blocks: int) -> bytes:
    return Read16(logical_block_address=lba, transfer_length=blocks).encode()


def test_its_targets_are_discovered(tgt: Tgt) -> None:
    found = discover("127.0.0.1", tgt.port)

    assert {TARGET, GUARDED} == {target.name for target in found}
    assert {(f"127.0.0.1:{tgt.port},1",)} == {target.addresses for target in found}


def test_it_says_who_it_is_and_which_units_it_has(tgt: Tgt) -> None:
    """REPORT LUNS goes through any unit."""
    with ready(tgt) as nexus:
        inquiry = nexus.execute(LUN, Inquiry(allocation_length=StandardInquiry.SIZE).encode(), b"", 36)
        luns = nexus.execute(LUN, ReportLuns(allocation_length=256).encode(), b"", 256)

    assert b"IET     " == StandardInquiry.decode(inquiry.data_in).t10_vendor_identification
    assert [0, LUN] == decode_lun_list(luns.data_in)
    assert 256 - len(luns.data_in) == luns.residual


@pytest.mark.parametrize(
    "blocks", [1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 511, 512, 513, 2047, 2048, 2049, 4096]
)
def test_data_of_every_length_around_what_was_agreed(tgt: Tgt, blocks: int) -> None:
    """tgt: PDUs of 8 KiB to it, first bursts of 64 KiB and bursts of 256 KiB."""
    data = os.urandom(blocks * 512)
    with ready(tgt) as nexus:
        assert Completion() == nexus.execute(LUN, write(5, blocks), data)
        assert Completion(0, b"", data) == nexus.execute(LUN, read(5, blocks), b"", len(data))


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed"),
    [
        ({"InitialR2T": "No"}, {}, {"initial_r2t": False}),
        ({"InitialR2T": "No"}, {"ImmediateData": False}, {"initial_r2t": False, "immediate_data": False}),
        ({"InitialR2T": "No"}, {"FirstBurstLength": 1536}, {"first_burst_length": 1536}),
        ({}, {"ImmediateData": False}, {"initial_r2t": True, "immediate_data": False}),
        ({}, {"MaxBurstLength": 4608, "FirstBurstLength": 512}, {"max_burst_length": 4608}),
        # No odd length: tgt pads a PDU with zeros in place, over the data of the next one.
        ({}, {"MaxRecvDataSegmentLength": 516}, {"max_receive_segment_length": 516}),
        ({"MaxRecvDataSegmentLength": "1024"}, {}, {"max_send_segment_length": 1024}),
        ({"HeaderDigest": "CRC32C"}, {"HeaderDigest": ("CRC32C",)}, {"header_digest": True}),
        ({"DataDigest": "CRC32C"}, {"DataDigest": ("CRC32C",)}, {"data_digest": True}),
    ],
)
def test_what_is_agreed_on_is_kept(
    tgt: Tgt, theirs: dict[str, str], ours: dict[str, Value], agreed: dict[str, Any]
) -> None:
    usual = {
        "InitialR2T": "Yes",
        "MaxRecvDataSegmentLength": "8192",
        "HeaderDigest": "None",
        "DataDigest": "None",
    }
    tgt.set(1, theirs)
    try:
        with ready(tgt, wanted={**WANTED, **ours}) as nexus:
            assert agreed == {name: getattr(nexus.parameters, name) for name in agreed}
            for blocks in (1, 2, 3, 8, 9, 10, 130, 600):
                data = os.urandom(blocks * 512)
                assert Completion() == nexus.execute(LUN, write(0, blocks), data)
                assert data == nexus.execute(LUN, read(0, blocks), b"", len(data)).data_in
    finally:
        tgt.set(1, {name: usual[name] for name in theirs})


def test_a_failure_brings_its_sense_data(tgt: Tgt) -> None:
    with ready(tgt) as nexus:
        answer = nexus.execute(LUN, read(BLOCKS, 1), b"", 512)

    assert Status.CHECK_CONDITION == answer.status
    assert (0x70, 5, 0x21) == (answer.sense[0], answer.sense[2], answer.sense[12])
    assert b"" == answer.data_in


def test_chap_one_way_and_both_ways(tgt: Tgt) -> None:
    for user, password in (("me", "a long secret"), ("tgt", "another one")):
        tgt.tell("--lld", "iscsi", "--mode", "account", "--op", "new", "--user", user, "--password", password)
    bind = ("--lld", "iscsi", "--mode", "account", "--op", "bind", "--tid", "2")
    tgt.tell(*bind, "--user", "me")
    good = tgt.url(GUARDED, "me%a long secret@")

    IscsiNexus(good).close()
    for bad, text in (
        (tgt.url(GUARDED), "the target asks for CHAP"),
        (tgt.url(GUARDED, "me%wrong@"), "login"),
        (tgt.url("iqn.2026-01.example:none"), f"there is no such target; it offers .*{TARGET}"),
    ):
        with pytest.raises(TransportError, match=text):
            IscsiNexus(bad)

    tgt.tell(*bind, "--user", "tgt", "--outgoing")
    IscsiNexus(f"{good}?target_user=tgt&target_password=another one").close()
    with pytest.raises(TransportError, match="did not prove that it knows its secret"):
        IscsiNexus(f"{good}?target_user=tgt&target_password=wrong")


def test_a_reset_is_carried_out_and_told(tgt: Tgt) -> None:
    with ready(tgt) as nexus:
        nexus.reset_logical_unit(LUN)

        assert 0x29 == nexus.execute(LUN, bytes(6)).sense[12]


def test_a_target_that_dies_is_told(tmp_path: Path) -> None:
    own = Tgt(tmp_path)
    nexus = ready(own)
    own.process.kill()
    own.process.wait()

    with pytest.raises(TransportError, match=r"not sent, there is no session: (the target closed|receiving)"):
        nexus.execute(LUN, bytes(6))
    with pytest.raises(TransportError, match="connection refused"):
        IscsiNexus(own.url())


def test_how_fast_it_is(tgt: Tgt, say: Callable[[str], None]) -> None:
    with ready(tgt) as nexus:
        rates = []
        for cdb, data, room in ((read(0, 2048), b"", MIB), (write(0, 2048), bytes(MIB), 0)):
            started = time.monotonic()
            for _ in range(50):
                assert 0 == nexus.execute(LUN, cdb, data, room).status
            rates.append(50 * MIB / (time.monotonic() - started) / 1e6)
        started = time.monotonic()
        for _ in range(500):
            nexus.execute(LUN, bytes(6))
        commands = 500 / (time.monotonic() - started)
    say(
        f"our initiator and tgt: 1 MiB reads {rates[0]:.0f} MB/s, writes {rates[1]:.0f} MB/s, "
        f"TEST UNIT READY {commands:.0f}/s, one at a time"
    )
    assert min(rates) > 20
