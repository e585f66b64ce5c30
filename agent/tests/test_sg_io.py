"""SG_IO: what goes into sg_io_hdr, and what each of its codes becomes.

The kernel is a fake here; the lab's tests run the same class against a real one.
"""

from __future__ import annotations

import ast
import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from threepce.agent.transports import sg_io
from threepce.agent.transports.sg_io import SgIoNexus
from threepce.scsi.nexus import CommandTimeout, NexusLost, TransportError

READ_10 = bytes.fromhex("28000000000000000100")
FIXED_SENSE = bytes.fromhex("700005000000000a00000000240000c0000c")


class Kernel:
    """The sg driver as far as this transport can see it: answers SG_IO from a script."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {}
        self.data_in = b""
        self.sense = b""
        self.error = 0
        self.limits = {0x1267: 4 << 20, 0x227F: 256}

    def __call__(self, descriptor: int, request: int, argument: Any) -> int:
        if request != 0x2285:
            if request not in self.limits:
                raise OSError(errno.ENOTTY, "no")
            argument.value = self.limits[request]
            return 0
        header = argument
        self.seen.append(
            {
                "descriptor": descriptor,
                "interface": chr(header.interface_id),
                "direction": header.dxfer_direction,
                "cdb": ctypes.string_at(header.cmdp, header.cmd_len),
                "length": header.dxfer_len,
                "timeout": header.timeout,
            }
        )
        if header.dxfer_direction == -2:
            self.seen[-1]["data_out"] = ctypes.string_at(header.dxferp, header.dxfer_len)
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        if header.dxfer_direction == -3:
            ctypes.memmove(header.dxferp, self.data_in, min(len(self.data_in), header.dxfer_len))
        ctypes.memmove(header.sbp, self.sense, min(len(self.sense), header.mx_sb_len))
        header.sb_len_wr = len(self.sense)
        for name, value in self.answer.items():
            setattr(header, name, value)
        return 0


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Directories like /sys and /dev with LUNs 0 and 1 of 3:0:1 and LUN 300, flat space, of it.

    Each node is a link to /dev/null, so that it has a device number and can be opened.
    """
    (tmp_path / "dev").mkdir()
    for name, lun in (("sg5", 0), ("sg6", 1), ("sg9", 0x4000 | 300)):
        add_unit(tmp_path, name, lun)
    number = os.stat(os.devnull).st_rdev
    entry = tmp_path / "sys/dev/char" / f"{os.major(number)}:{os.minor(number)}"
    entry.parent.mkdir(parents=True)
    entry.symlink_to(tmp_path / "sys/bus/scsi/devices/3:0:1:1/scsi_generic/sg6")
    return tmp_path


def add_unit(system: Path, name: str, lun: int) -> None:
    device = system / f"sys/bus/scsi/devices/3:0:1:{lun}"
    (device / "scsi_generic" / name).mkdir(parents=True)
    (device / "scsi_generic" / name / "device").symlink_to(device)
    (system / "dev" / name).symlink_to(os.devnull)


@pytest.fixture
def nexus(system: Path, kernel: Kernel) -> SgIoNexus:
    return SgIoNexus.of_target("3:0:1", ioctl=kernel, sysfs=str(system / "sys"), dev=str(system / "dev"))


def test_the_node_that_is_named_says_target_and_lun(system: Path, kernel: Kernel) -> None:
    """sg6 is LUN 1 of 3:0:1; its siblings are found beside it."""
    path = system / "dev" / "sg6"
    with SgIoNexus(path, ioctl=kernel, sysfs=str(system / "sys"), dev=str(system / "dev")) as nexus:
        assert ("3:0:1", 1) == (nexus.address, nexus.lun)
        nexus.execute(1, bytes(6))
        nexus.execute(0, bytes(6))
        nexus.execute(300, bytes(6))
        nexus.execute(0, bytes(6))

    descriptors = [seen["descriptor"] for seen in kernel.seen]
    assert 3 == len(set(descriptors))
    assert descriptors[1] == descriptors[3]


def test_a_command_without_data(nexus: SgIoNexus, kernel: Kernel) -> None:
    """No direction, no buffer, the default of thirty seconds."""
    end = nexus.execute(0, bytes(6))

    assert (0, b"", b"", 0) == (end.status, end.sense, end.data_in, end.residual)
    seen = kernel.seen[0]
    assert ("S", -1, bytes(6), 0) == (
        seen["interface"],
        seen["direction"],
        seen["cdb"],
        seen["length"],
    )
    assert 30_000 == seen["timeout"]


def test_data_in_is_cut_at_its_residual(nexus: SgIoNexus, kernel: Kernel) -> None:
    """What was not transferred is no data."""
    kernel.data_in = b"abcdefgh"
    kernel.answer = {"resid": 56}

    end = nexus.execute(0, READ_10, data_in_length=64)

    assert (b"abcdefgh", 56) == (end.data_in, end.residual)
    assert -3 == kernel.seen[0]["direction"]


@pytest.mark.parametrize("residual", [-8, 100])
def test_an_impossible_residual_hurts_nobody(nexus: SgIoNexus, kernel: Kernel, residual: int) -> None:
    """Drivers have reported such; the data stays within what was asked for."""
    kernel.answer = {"resid": residual}

    end = nexus.execute(0, READ_10, data_in_length=64)

    assert len(end.data_in) in (0, 64)
    assert residual == end.residual


def test_data_out_goes_out(nexus: SgIoNexus, kernel: Kernel) -> None:
    """Direction to the device, and the bytes as they are."""
    end = nexus.execute(0, bytes.fromhex("2a000000000000000100"), b"payload", timeout=0.25)

    assert (-2, b"payload", 250) == (
        kernel.seen[0]["direction"],
        kernel.seen[0]["data_out"],
        kernel.seen[0]["timeout"],
    )
    assert b"" == end.data_in


def test_both_ways_at_once_is_the_callers_mistake(nexus: SgIoNexus) -> None:
    """The seam has one direction a command."""
    with pytest.raises(ValueError, match="one way"):
        nexus.execute(0, READ_10, b"x", 1)


@pytest.mark.parametrize(
    ("sense", "expected"),
    [
        (FIXED_SENSE, FIXED_SENSE),
        (FIXED_SENSE + bytes(78), FIXED_SENSE),
        (bytes.fromhex("7205240000000000") + bytes(40), bytes.fromhex("7205240000000000")),
        (b"\x70\x00\x05", b"\x70\x00\x05"),
        (b"", b""),
    ],
)
def test_sense_data_is_trimmed_to_its_own_length(
    nexus: SgIoNexus, kernel: Kernel, sense: bytes, expected: bytes
) -> None:
    """ADDITIONAL SENSE LENGTH is in byte 7 of both formats; the rest of the room is no sense."""
    kernel.sense = sense
    kernel.answer = {"status": 2, "driver_status": 8}

    end = nexus.execute(0, READ_10, data_in_length=512)

    assert (2, expected) == (end.status, end.sense)


@pytest.mark.parametrize(
    ("codes", "kind", "words"),
    [
        ({"host_status": 3}, CommandTimeout, r"DID_TIME_OUT: no end within 2 s\. Allow more"),
        ({"driver_status": 6}, CommandTimeout, "DRIVER_TIMEOUT"),
        ({"host_status": 1}, NexusLost, r"DID_NO_CONNECT.*open it again"),
        ({"host_status": 4}, NexusLost, "DID_BAD_TARGET"),
        ({"host_status": 15}, NexusLost, "DID_TRANSPORT_FAILFAST"),
        ({"host_status": 7}, TransportError, r"DID_ERROR.*kernel log"),
        ({"host_status": 8}, TransportError, "DID_RESET"),
        ({"host_status": 0x77}, TransportError, "host status 77h"),
        ({"host_status": 0x11}, TransportError, "DID_NEXUS_FAILURE"),
        ({"driver_status": 4}, TransportError, "DRIVER_ERROR"),
        ({"driver_status": 0x0C}, TransportError, "driver status 0Ch"),
    ],
)
def test_a_command_that_was_not_answered_raises(
    nexus: SgIoNexus, kernel: Kernel, codes: dict[str, int], kind: type[Exception], words: str
) -> None:
    """The name of the code, the place, and what to do."""
    kernel.answer = codes

    with pytest.raises(kind, match=words) as caught:
        nexus.execute(1, READ_10, data_in_length=512, timeout=2)

    assert type(caught.value) is kind
    assert "LUN 1 of 3:0:1, operation code 28h" in str(caught.value)


@pytest.mark.parametrize("host", [0x10, 0x11, 0x12, 0x13])
def test_a_host_code_made_from_a_status_is_no_failure(nexus: SgIoNexus, kernel: Kernel, host: int) -> None:
    """RESERVATION CONFLICT reaches sg as DID_NEXUS_FAILURE on some kernels; it is an answer."""
    kernel.answer = {"host_status": host, "status": 0x18}

    assert 0x18 == nexus.execute(0, READ_10, data_in_length=512).status


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EINVAL, r"2097152 bytes are more than one SG_IO command .*\(1048576 bytes; "),
        (errno.ENOMEM, r"1048576 bytes; SG_IO said ENOMEM\)\. Ask for less"),
        (errno.EPERM, "run as root"),
        (errno.ENOTTY, "name an sg node"),
        (errno.EMSGSIZE, "CDBs of 6 to 252 bytes"),
        (errno.EINTR, "signal"),
        (errno.EIO, "EIO: Input/output error"),
    ],
)
def test_a_refused_ioctl_says_why(nexus: SgIoNexus, kernel: Kernel, number: int, words: str) -> None:
    """The limit is the smaller of what the queue and the host adapter's scatter list carry."""
    kernel.error = number

    with pytest.raises(TransportError, match=words):
        nexus.execute(0, READ_10, data_in_length=2 << 20)


def test_a_refused_ioctl_below_the_limit_does_not_blame_the_length(nexus: SgIoNexus, kernel: Kernel) -> None:
    """Nor does a driver that will not tell its limits make the message fail."""
    kernel.error = errno.EINVAL
    with pytest.raises(TransportError, match="SG_IO refuses this command"):
        nexus.execute(0, READ_10, data_in_length=512)
    kernel.limits = {}
    with pytest.raises(TransportError, match="SG_IO refuses this command"):
        nexus.execute(0, READ_10, data_in_length=2 << 20)


def test_a_unit_without_a_node_is_named(nexus: SgIoNexus) -> None:
    """No command was sent, and the message says which LUN is missing."""
    with pytest.raises(TransportError, match="LUN 7 of SCSI target 3:0:1 has no sg node"):
        nexus.execute(7, bytes(6))


def test_a_device_that_went_away_is_lost(nexus: SgIoNexus, kernel: Kernel) -> None:
    """ENODEV on a fresh node is final."""
    kernel.error = errno.ENODEV

    with pytest.raises(NexusLost, match="ENODEV: the device is gone"):
        nexus.execute(0, bytes(6))


def test_a_unit_made_anew_is_reached_through_its_new_node(
    system: Path, nexus: SgIoNexus, kernel: Kernel
) -> None:
    """The cached node is dead, sysfs knows another: look again, once."""
    nexus.execute(0, bytes(6))
    old = kernel.seen[0]["descriptor"]
    gone = True
    calls: list[int] = []

    def ioctl(descriptor: int, request: int, argument: Any) -> int:
        nonlocal gone
        calls.append(descriptor)
        if gone:
            gone = False
            raise OSError(errno.ENODEV, "gone")
        return kernel(descriptor, request, argument)

    nexus._ioctl = ioctl
    (system / "sys/bus/scsi/devices/3:0:1:0/scsi_generic/sg5").rename(
        system / "sys/bus/scsi/devices/3:0:1:0/scsi_generic/sg7"
    )
    (system / "dev/sg7").symlink_to(os.devnull)

    assert 0 == nexus.execute(0, bytes(6)).status
    assert old == calls[0]
    assert 2 == len(calls)


def test_forget_and_close_let_go_of_the_nodes(nexus: SgIoNexus, kernel: Kernel) -> None:
    """No descriptor is left open."""
    for lun in (0, 1):
        nexus.execute(lun, bytes(6))
    nexus.forget(0)
    nexus.forget(0)
    nexus.close()

    for seen in kernel.seen:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(seen["descriptor"])


def test_a_file_that_is_no_scsi_device_is_refused(tmp_path: Path) -> None:
    """A plain file, a device of another kind, and nothing at all."""
    plain = tmp_path / "plain"
    plain.touch()

    for path, words in (
        (plain, "is no SCSI generic device"),
        (Path(os.devnull), "is no SCSI generic device"),
        (tmp_path / "nothing", "no such file"),
        (plain / "below", "Not a directory"),
    ):
        with pytest.raises(TransportError, match=words):
            SgIoNexus(path)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "No permission: run as root"),
        (errno.ENXIO, "The device is not there"),
        (errno.EBUSY, "Another program holds"),
        (errno.EMFILE, "that can be opened"),
    ],
)
def test_a_node_that_cannot_be_opened_says_why(
    nexus: SgIoNexus, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """Tests may run as root, whom no permission stops; so open() itself is told to fail."""

    def refuse(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("threepce.agent.transports.sg_io.os.open", refuse)
    with pytest.raises(TransportError, match=words):
        nexus.execute(0, bytes(6))


def test_it_imports_the_seam_and_the_standard_library_only() -> None:
    """The lab's guest runs this module, and starts the faster the less that takes with it."""
    tree = ast.parse(Path(sg_io.__file__).read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))

    ours = {name for name in imported if name.startswith("threepce")}
    assert {"threepce.scsi.nexus"} == ours
    assert imported - ours <= sys.stdlib_module_names | {"collections.abc"}
