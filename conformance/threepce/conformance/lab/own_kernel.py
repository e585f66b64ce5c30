"""The lab on this system's own kernel, where it has LIO and we are root.

The configuration is the same as in the guest (`LoopbackTarget`), the transport is SG_IO without a
seam between. The units are sparse files in a scratch directory.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from threepce.agent.transports.iscsi_connection import TcpStream, connect_tcp
from threepce.agent.transports.sg_io import SgIoNexus
from threepce.scsi.nexus import Nexus

from .portal import MODULE as PORTAL_MODULE
from .portal import PORTAL_HOST, free_port
from .scratch import Scratch
from .target import MODULES, LoopbackTarget, check_unit, remove_target

__all__ = ["OwnKernelLab", "why_not_own_kernel"]

RECORD = "target-"
SYS_MODULE = Path("/sys/module")


def why_not_own_kernel() -> str | None:
    """Why this system's own LIO cannot serve as a lab; None if it can."""
    if os.geteuid() != 0:
        return "not root"
    missing = [name for name in MODULES if not _has_module(name)]
    if missing:
        return f"this kernel ({platform.release()}) lacks {', '.join(missing)}"
    return None


class OwnKernelLab:
    """A loopback target on this system's kernel; see `Lab`."""

    console_log: Path | None = None

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        if progress is not None:
            progress(f"configuring LIO of this system's kernel {platform.release()}")
        self.release = platform.release()
        self._scratch = Scratch()
        self._made = 0
        self._portal = ""
        self._files: dict[int, Path] = {}
        # A name of its own for each lab: the kernel is shared with everybody on the system.
        wwn = f"naa.5001405{uuid.uuid4().hex[:9]}"
        self._record = self._scratch.path.parent / f"{RECORD}{wwn}"
        try:
            for name in MODULES:
                _load_module(name)
            _remove_dead_targets(self._scratch.path.parent)
            self._record.write_text(str(self._scratch.path))
            self._target = LoopbackTarget(wwn)
        except BaseException:
            self._record.unlink(missing_ok=True)
            self._scratch.remove()
            raise
        self._nexus = SgIoNexus.of_target(self._target.address)

    @property
    def nexus(self) -> Nexus:
        """The target's I_T nexus."""
        return self._nexus

    def create_unit(self, *, block_length: int, blocks: int, serial: str) -> int:
        """Make a logical unit on a sparse file and return its LUN."""
        check_unit(block_length, blocks, serial)
        self._made += 1
        file = self._scratch.path / f"{self._made}.img"
        with file.open("xb") as opened:
            os.truncate(opened.fileno(), block_length * blocks)
        try:
            lun = self._target.create_unit(file, block_length=block_length, blocks=blocks, serial=serial)
        except BaseException:
            file.unlink()
            raise
        self._files[lun] = file
        return lun

    def delete_unit(self, lun: int) -> None:
        """Take a logical unit away and drop its data."""
        self._nexus.forget(lun)
        self._target.delete_unit(lun)
        self._files.pop(lun).unlink()

    def open_portal(self) -> str:
        """Open LIO's own iSCSI portal on a free port of the loopback interface."""
        if not self._portal:
            _load_module(PORTAL_MODULE)
            port = free_port()
            # As for the target: a name that no other lab on this system has.
            name = f"iqn.2026-01.org.threepce:lio-{uuid.uuid4().hex[:9]}"
            self._target.open_portal(name, port)
            self._portal = f"iscsi://{PORTAL_HOST}:{port}/{name}"
        return self._portal

    def connect(self, address: tuple[str, int], seconds: float) -> TcpStream:
        """Open a TCP connection."""
        return connect_tcp(address, seconds)

    def close(self) -> None:
        """Delete the target with all its units and their files."""
        try:
            self._nexus.close()
            self._target.close()
            self._record.unlink(missing_ok=True)
        finally:
            self._scratch.remove()


def _remove_dead_targets(base: Path) -> None:
    """Remove the targets of labs whose process was killed: a kernel keeps them.

    A record beside the scratch directory names the target; the directory is gone by now.
    """
    for record in base.glob(f"{RECORD}*"):
        if not Path(record.read_text()).is_dir():
            remove_target(record.name.removeprefix(RECORD))
            record.unlink()


def _has_module(name: str) -> bool:
    if (SYS_MODULE / name).is_dir():
        return True
    if shutil.which("modprobe") is None:
        return False
    result = subprocess.run(["modprobe", "--dry-run", "--quiet", name], check=False)
    return result.returncode == 0


def _load_module(name: str) -> None:
    if not (SYS_MODULE / name).is_dir():
        subprocess.run(["modprobe", name], check=True)
