"""What a portal allows its initiators: numbers with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

from threepce.scsi.iscsi.keys import Value

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a portal. Times are in seconds."""

    connections: int = 256
    """Connections at once, those without a login among them."""
    login_time: float = 10.0
    """A login that takes longer is dropped."""
    queued_commands: int = 128
    """Commands of one session that may wait for their end."""
    receive_segment_length: int = 262144
    """MaxRecvDataSegmentLength: the data one PDU may bring."""
    max_burst_length: int = 1 << 20
    first_burst_length: int = 262144
    maximum_write: int = 1 << 26
    """Data of one write; more ends with CHECK CONDITION."""
    write_budget: int = 1 << 23
    """Data of writes that a session is asked for at one time."""
    unsent: int = 1 << 22
    """A session with so many bytes that its initiator does not take is not served further."""
    idle_time: float = 30.0
    """An initiator that is silent for so long is pinged, and dropped when that brings nothing."""
    pause: float = 1.0
    """How long no connection is taken when the system has no room for one."""
    logout_time: float = 0.3
    """How long initiators have to log out when the portal stops."""

    def wanted(self) -> dict[str, Value]:
        """The values of the keys that this portal negotiates with."""
        return {
            "HeaderDigest": ("None", "CRC32C"),
            "DataDigest": ("None", "CRC32C"),
            "MaxRecvDataSegmentLength": self.receive_segment_length,
            "MaxConnections": 1,
            "InitialR2T": False,
            "ImmediateData": True,
            "MaxBurstLength": self.max_burst_length,
            "FirstBurstLength": self.first_burst_length,
            "MaxOutstandingR2T": 8,
            "DefaultTime2Wait": 0,
            "DefaultTime2Retain": 0,
            "DataPDUInOrder": True,
            "DataSequenceInOrder": True,
            "ErrorRecoveryLevel": 0,
            "TaskReporting": ("RFC3720",),
            "iSCSIProtocolLevel": 1,
        }
