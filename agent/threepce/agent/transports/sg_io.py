"""SG_IO: SCSI commands to devices of this Linux system, through the sg driver.

This module owns the sg version 3 interface (`struct sg_io_hdr` of <scsi/sg.h>) and the map from
the codes of the Linux SCSI mid-layer to transport errors. It must not know what a command means,
and it imports nothing but the standard library and the seam: the lab's guest runs it as well.

On Linux an I_T nexus is a host:channel:target; its logical units are sibling sg nodes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost, TransportError

__all__ = ["DEFAULT_TIMEOUT", "SgIoNexus"]

DEFAULT_TIMEOUT = 30.0

SG_IO = 0x2285
SG_GET_SG_TABLESIZE = 0x227F
BLKSECTGET = 0x1267  # on an sg node it answers in bytes, not sectors
SG_DXFER_NONE, SG_DXFER_TO_DEV, SG_DXFER_FROM_DEV = -1, -2, -3
SENSE_ROOM = 252
LONGEST_TIMEOUT = 0x7FFFFFFF  # milliseconds; the kernel counts them in a signed word of jiffies
FLAT_SPACE = 0x4000

HOST_STATUS = {
    0x00: "DID_OK",
    0x01: "DID_NO_CONNECT",
    0x02: "DID_BUS_BUSY",
    0x03: "DID_TIME_OUT",
    0x04: "DID_BAD_TARGET",
    0x05: "DID_ABORT",
    0x06: "DID_PARITY",
    0x07: "DID_ERROR",
    0x08: "DID_RESET",
    0x09: "DID_BAD_INTR",
    0x0A: "DID_PASSTHROUGH",
    0x0B: "DID_SOFT_ERROR",
    0x0C: "DID_IMM_RETRY",
    0x0D: "DID_REQUEUE",
    0x0E: "DID_TRANSPORT_DISRUPTED",
    0x0F: "DID_TRANSPORT_FAILFAST",
    0x10: "DID_TARGET_FAILURE",
    0x11: "DID_NEXUS_FAILURE",
    0x12: "DID_ALLOC_FAILURE",
    0x13: "DID_MEDIUM_ERROR",
    0x14: "DID_TRANSPORT_MARGINAL",
}
TIMED_OUT = 0x03
NOT_CONNECTED = frozenset({0x01, 0x04, 0x0E, 0x0F})
# The mid-layer derives these from a SCSI status or from sense data that did arrive, to steer its
# own retries. The command was answered, so here they are no transport failure.
DERIVED_FROM_STATUS = frozenset({0x10, 0x11, 0x12, 0x13})
DRIVER_STATUS = {
    0x00: "DRIVER_OK",
    0x01: "DRIVER_BUSY",
    0x02: "DRIVER_SOFT",
    0x03: "DRIVER_MEDIA",
    0x04: "DRIVER_ERROR",
    0x05: "DRIVER_INVALID",
    0x06: "DRIVER_TIMEOUT",
    0x07: "DRIVER_HARD",
    0x08: "DRIVER_SENSE",
}
DRIVER_TIMED_OUT = 0x06
DRIVER_ANSWERED = frozenset({0x00, 0x08})

Ioctl = Callable[[int, int, Any], int]


class SgIoHeader(ctypes.Structure):
    """`struct sg_io_hdr`: one command and its end."""

    _fields_ = (  # type: ignore[mutable-override]  # ctypes reads it once, here
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


class SgIoNexus:
    """The I_T nexus of an sg node: every logical unit of its host:channel:target.

    `path` names a node such as /dev/sg3; `lun` is that node's logical unit. The nodes of the
    other logical units are found through sysfs when they are first addressed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        ioctl: Ioctl = fcntl.ioctl,
        sysfs: str = "/sys",
        dev: str = "/dev",
    ) -> None:
        address, lun = _address_of(os.fspath(path), sysfs)
        self._prepare(address, ioctl, sysfs, dev)
        self.lun = lun
        self._nodes[lun] = _open(os.fspath(path))

    @classmethod
    def of_target(
        cls,
        address: str,
        *,
        ioctl: Ioctl = fcntl.ioctl,
        sysfs: str = "/sys",
        dev: str = "/dev",
    ) -> Self:
        """The nexus of `address`, a host:channel:target that may have no logical unit yet."""
        nexus = cls.__new__(cls)
        nexus._prepare(address, ioctl, sysfs, dev)  # noqa: SLF001 - a second constructor of this class
        nexus.lun = 0
        return nexus

    def _prepare(self, address: str, ioctl: Ioctl, sysfs: str, dev: str) -> None:
        self.address = address
        self._ioctl = ioctl
        self._sysfs = sysfs
        self._dev = dev
        self._nodes: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every node. The nexus opens them again if it is used again."""
        while self._nodes:
            os.close(self._nodes.popitem()[1])

    def forget(self, lun: int) -> None:
        """Close the node of `lun`, because that logical unit is about to go away."""
        node = self._nodes.pop(lun, None)
        if node is not None:
            os.close(node)

    def node_name(self, lun: int) -> str | None:
        """The sg node of `lun`, such as "sg3"; None where the kernel knows no such unit."""
        for number in (lun, FLAT_SPACE | lun):
            device = f"{self._sysfs}/bus/scsi/devices/{self.address}:{number}/scsi_generic"
            try:
                names = os.listdir(device)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if names:
                return names[0]
        return None

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """Send one command and wait for its end; see `Nexus.execute`."""
        if data_out and data_in_length:
            raise ValueError("a command moves data one way: data_out or data_in_length, not both")
        fresh = lun not in self._nodes
        try:
            return self._submit(lun, cdb, data_out, data_in_length, timeout)
        except NexusLost:
            # A unit that was deleted and made again has a new node; the cached one is dead.
            self.forget(lun)
            if fresh or self.node_name(lun) is None:
                raise
        return self._submit(lun, cdb, data_out, data_in_length, timeout)

    def _submit(
        self, lun: int, cdb: bytes, data_out: bytes, data_in_length: int, timeout: float | None
    ) -> Completion:
        node = self._node(lun)
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        command = (ctypes.c_char * len(cdb)).from_buffer_copy(cdb)
        sense = bytearray(SENSE_ROOM)
        data = bytearray(data_out) if data_out else bytearray(data_in_length)
        header = SgIoHeader(
            interface_id=ord("S"),
            dxfer_direction=_direction(data_out, data_in_length),
            cmd_len=len(cdb),
            mx_sb_len=SENSE_ROOM,
            dxfer_len=len(data),
            dxferp=_address(data),
            cmdp=ctypes.addressof(command),
            sbp=_address(sense),
            timeout=max(1, min(round(seconds * 1000), LONGEST_TIMEOUT)),
        )
        where = f"LUN {lun} of {self.address}, operation code {cdb[:1].hex().upper() or '??'}h"
        try:
            self._ioctl(node, SG_IO, header)
        except OSError as error:
            raise self._refused(error, node, where, len(data)) from error
        _check_delivery(header, where, seconds)
        moved = max(0, min(len(data), len(data) - header.resid))
        return Completion(
            status=header.status,
            sense=_trimmed(bytes(sense[: header.sb_len_wr])),
            data_in=bytes(memoryview(data)[:moved]) if data_in_length else b"",
            residual=header.resid,
        )

    def _node(self, lun: int) -> int:
        node = self._nodes.get(lun)
        if node is None:
            name = self.node_name(lun)
            if name is None:
                raise TransportError(
                    f"LUN {lun} of SCSI target {self.address} has no sg node on this system. "
                    "Check the LUN, load the sg module, or rescan the SCSI host."
                )
            node = self._nodes[lun] = _open(f"{self._dev}/{name}")
        return node

    def _refused(self, error: OSError, node: int, where: str, length: int) -> TransportError:
        """The ioctl itself failed: the command never reached the device, or the device is gone."""
        code = errno.errorcode.get(error.errno or 0, str(error.errno))
        if error.errno in (errno.ENODEV, errno.ENXIO):
            return NexusLost(f"{where}: {code}: the device is gone. Find out what removed it.")
        limit = self._transfer_limit(node)
        if error.errno in (errno.ENOMEM, errno.EINVAL) and limit is not None and length > limit:
            return TransportError(
                f"{where}: {length} bytes are more than one SG_IO command can move on this "
                f"device ({limit} bytes; SG_IO said {code}). Ask for less."
            )
        hint = {
            errno.ENOMEM: f"no memory for a transfer of {length} bytes; ask for less",
            errno.EINVAL: f"SG_IO refuses this command or a transfer of {length} bytes",
            errno.EMSGSIZE: "SG_IO takes CDBs of 6 to 252 bytes",
            errno.EPERM: "not allowed; run as root, or with CAP_SYS_RAWIO",
            errno.EACCES: "not allowed; open the node for writing, or run as root",
            errno.ENOTTY: "this file takes no SG_IO; name an sg node such as /dev/sg0",
            errno.EINTR: "a signal came while the command ran; what the device did is unknown",
        }.get(error.errno or 0, error.strerror or "unknown error")
        return TransportError(f"{where}: {code}: {hint}.")

    def _transfer_limit(self, node: int) -> int | None:
        """What one command can surely move: whole pages, scattered as they may lie."""
        limits = []
        for request, unit in ((BLKSECTGET, 1), (SG_GET_SG_TABLESIZE, mmap.PAGESIZE)):
            value = ctypes.c_int(0)
            try:
                self._ioctl(node, request, value)
            except OSError:
                continue  # only a figure for a message; the other one may do
            if value.value > 0:
                limits.append(value.value * unit)
        return min(limits, default=None)


def _direction(data_out: bytes, data_in_length: int) -> int:
    if data_out:
        return SG_DXFER_TO_DEV
    return SG_DXFER_FROM_DEV if data_in_length else SG_DXFER_NONE


def _address(buffer: bytearray) -> int | None:
    if not buffer:
        return None
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


def _trimmed(sense: bytes) -> bytes:
    """Sense data without the room behind its ADDITIONAL SENSE LENGTH (SPC-4 4.5.2, 4.5.3)."""
    return sense[: 8 + sense[7]] if len(sense) >= 8 else sense


def _check_delivery(header: SgIoHeader, where: str, seconds: float) -> None:
    """Raise unless the device answered."""
    host = header.host_status
    driver = header.driver_status & 0x0F
    name = HOST_STATUS.get(host, f"host status {host:02X}h")
    if host == TIMED_OUT or driver == DRIVER_TIMED_OUT:
        name = name if host == TIMED_OUT else DRIVER_STATUS[driver]
        raise CommandTimeout(
            f"{where}: {name}: no end within {seconds:g} s. Allow more time, or find out why the "
            "device does not answer; it may still be working on the command."
        )
    if host in NOT_CONNECTED:
        raise NexusLost(
            f"{where}: {name}: the target is not there any more. Check the device and its cable "
            "or session, then open it again."
        )
    if host and not (host in DERIVED_FROM_STATUS and (header.status or header.sb_len_wr)):
        raise TransportError(
            f"{where}: {name}: the host adapter or its driver could not carry the command. The "
            "kernel log says more; try again once the cause is gone."
        )
    if driver not in DRIVER_ANSWERED:
        name = DRIVER_STATUS.get(driver, f"driver status {driver:02X}h")
        raise TransportError(f"{where}: {name}: the driver failed. The kernel log says more.")


def _address_of(path: str, sysfs: str) -> tuple[str, int]:
    """The host:channel:target and the LUN behind an sg node."""
    try:
        device = os.stat(path).st_rdev
    except FileNotFoundError as error:
        raise TransportError(
            f"{path}: no such file. Load the sg module, or look for the device under /dev/sg*."
        ) from error
    except OSError as error:
        raise TransportError(f"{path}: {error.strerror}. Run as root, or name another.") from error
    entry = os.path.realpath(f"{sysfs}/dev/char/{os.major(device)}:{os.minor(device)}")
    target = os.path.basename(os.path.realpath(f"{entry}/device"))
    match = re.fullmatch(r"(\d+:\d+:\d+):(\d+)", target)
    if match is None or os.path.basename(os.path.dirname(entry)) != "scsi_generic":
        raise TransportError(
            f"{path} is no SCSI generic device. Name an sg node such as /dev/sg0; the one of a "
            "disk is in /sys/block/<disk>/device/scsi_generic."
        )
    lun = int(match[2])
    return match[1], lun & ~FLAT_SPACE if lun >> 14 == 1 else lun


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            advice = "No permission: run as root, or let your user read and write this node."
        elif error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            advice = "The device is not there: load the sg module, or look under /dev/sg*."
        elif error.errno == errno.EBUSY:
            advice = "Another program holds the device for itself: stop that program first."
        else:
            advice = "Name an sg node that can be opened."
        raise TransportError(f"{path}: {error.strerror}. {advice}") from error
