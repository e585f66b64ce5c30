"""What a lab is to the rest of the suite, and how one is opened.

`open_lab` picks this system's own kernel where it has LIO and we are root, else the user-mode
kernel. Callers see only `Lab`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from threepce.scsi.nexus import Nexus

if TYPE_CHECKING:
    from threepce.agent.transports.iscsi_connection import Stream

    from .user_mode import UserModeLab

__all__ = ["Lab", "open_lab", "open_user_mode"]


class Lab(Protocol):
    """A loopback target on a real LIO, empty at first."""

    @property
    def nexus(self) -> Nexus:
        """The target's I_T nexus; LUNs are those that `create_unit` returned."""
        ...

    @property
    def release(self) -> str:
        """The release of the kernel whose LIO this is, such as "6.1.176"."""
        ...

    @property
    def console_log(self) -> Path | None:
        """The guest's console; None where there is no guest."""
        ...

    def create_unit(self, *, block_length: int, blocks: int, serial: str) -> int:
        """Make a sparse fileio unit and return its LUN.

        `serial` is hexadecimal, and unique in its first 25 digits: LIO makes the designator
        6001405h + those digits of it. Raises ValueError for a serial or a block length that LIO
        does not take, LabError where LIO refuses. As on any target, a new unit means unit
        attentions (REPORTED LUNS DATA HAS CHANGED), on itself and on all its siblings.
        """
        ...

    def delete_unit(self, lun: int) -> None:
        """Take a unit away and drop its data. Raises LabError if there is none."""
        ...

    def open_portal(self) -> str:
        """Have LIO's own iSCSI portal in front of the same units, with the same LUNs.

        Returns its URL up to the target's name, without a LUN; `connect` reaches it. Raises LabError.
        """
        ...

    def connect(self, address: tuple[str, int], seconds: float) -> Stream:
        """Open a TCP connection where the portal is. Raises OSError."""
        ...

    def close(self) -> None:
        """End the lab; nothing of it is left running, mounted or on a file system."""
        ...


def open_lab(
    *,
    kernel_directory: Path | None = None,
    force_user_mode: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Lab:
    """Open a lab, fetching what it needs. Raises LabUnavailable when none is to be had."""
    from .own_kernel import OwnKernelLab, why_not_own_kernel

    if kernel_directory is None and not force_user_mode and why_not_own_kernel() is None:
        return OwnKernelLab(progress)
    return open_user_mode(kernel_directory, progress)


def open_user_mode(
    kernel_directory: Path | None = None, progress: Callable[[str], None] | None = None
) -> UserModeLab:
    """Open a lab on the user-mode kernel. Raises LabUnavailable when none is to be had."""
    from .kernel import find_kernel
    from .package import fetch_package
    from .user_mode import UserModeLab

    kernel = find_kernel(kernel_directory, fetch=lambda place: fetch_package(place, progress=progress))
    return UserModeLab(kernel, progress)
