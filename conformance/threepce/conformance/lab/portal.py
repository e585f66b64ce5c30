"""LIO by rtslib: its own iSCSI portal, in front of the units that a loopback target has.

The same class configures the user-mode kernel, from inside the guest, and this system's own
kernel. It knows configfs and rtslib; it knows no PDU and no guest.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Mapping
from typing import Any

__all__ = ["MODULE", "PORTAL_HOST", "LioPortal", "bring_loopback_up", "free_port"]

MODULE = "iscsi_target_mod"
PORTAL_HOST = "127.0.0.1"
TAG = 1

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 0x1
# Whoever comes is let in, and may write: what such a portal has is the lab's own.
ATTRIBUTES = {
    "authentication": 0,
    "generate_node_acls": 1,
    "demo_mode_write_protect": 0,
    "cache_dynamic_acls": 1,
}


class LioPortal:
    """A target of the iSCSI fabric with one portal, and units with the numbers they are given."""

    def __init__(self, name: str, port: int) -> None:
        import rtslib

        self._rtslib = rtslib
        self.name = name
        self._target = rtslib.Target(rtslib.FabricModule("iscsi"), name)
        self._group = rtslib.TPG(self._target, TAG)
        self._luns: dict[int, Any] = {}
        for attribute, value in ATTRIBUTES.items():
            self._group.set_attribute(attribute, value)
        rtslib.NetworkPortal(self._group, PORTAL_HOST, port)
        self._group.enable = True

    def add(self, number: int, storage: Any) -> None:
        """Export a storage object as a logical unit of this target too."""
        self._luns[number] = self._rtslib.LUN(self._group, number, storage_object=storage)

    def remove(self, number: int) -> None:
        """Take a logical unit away."""
        self._luns.pop(number).delete()

    def configure(
        self,
        attributes: Mapping[str, int],
        parameters: Mapping[str, str],
        authentication: Mapping[str, str],
    ) -> None:
        """Set attributes, negotiation parameters and CHAP names of the portal group.

        They hold for sessions that begin after it. Raises RTSLibError.
        """
        for name, value in attributes.items():
            self._group.set_attribute(name, value)
        for name, text in parameters.items():
            self._group.set_parameter(name, text)
        for name, text in authentication.items():
            setattr(self._group, f"chap_{name}", text)

    def close(self) -> None:
        """Delete the target; its storage objects stay."""
        self._target.delete()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as any_socket:
        any_socket.bind((PORTAL_HOST, 0))
        return int(any_socket.getsockname()[1])


def bring_loopback_up() -> None:
    """Set the interface lo up, which a kernel that has just booted has down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack_from("16xH", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[0]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
