"""The data of one write on its way to the target (RFC 7143 11.7, 11.8, 13.10-13.17).

Owns what may come when: immediate data, unsolicited Data-Out, and what is asked for by R2T. It must
not know PDUs as bytes, nor commands.

Theory. The data of a write comes in up to three parts, one behind the other:

    |- immediate -|- unsolicited Data-Out -|- solicited, burst by burst -------------|
    0             with the command         FirstBurstLength at most                  length

Immediate data needs ImmediateData=Yes, unsolicited Data-Out needs InitialR2T=No. A command with F set
has no unsolicited Data-Out behind it. Each solicited burst has an R2T of at most MaxBurstLength with
its own Target Transfer Tag; at most MaxOutstandingR2T of them wait at once. Within a burst offsets
rise without gaps and DataSN counts from zero; F closes it, and then all of it is there.

A breach of this ends the task with CHECK CONDITION, as RFC 7143 11.4.7.2 has it; the session goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from threepce.scsi.iscsi.bhs import RESERVED_TAG
from threepce.scsi.iscsi.negotiation import Parameters

__all__ = ["Burst", "TransferFault", "WriteTransfer"]


class TransferFault(Enum):
    """What a task ends with: additional sense code and qualifier of ABORTED COMMAND."""

    UNEXPECTED_UNSOLICITED_DATA = (0x0C, 0x0C)
    DATA_PHASE_ERROR = (0x4B, 0x00)
    ILLEGAL_TRANSFER_TAG = (0x4B, 0x01)
    TOO_MUCH_WRITE_DATA = (0x4B, 0x02)
    DATA_OFFSET_ERROR = (0x4B, 0x05)


@dataclass(slots=True)
class Burst:
    """Data that is on its way: where it goes, how much of it, and the R2T that asked for it."""

    offset: int
    end: int
    tag: int = RESERVED_TAG
    r2t_sn: int = 0
    data_sn: int = 0


class WriteTransfer:
    """Collects the data of one write of `length` bytes, as the session's parameters allow."""

    __slots__ = (
        "_data",
        "_parameters",
        "_r2t_sn",
        "_unsolicited",
        "bursts",
        "length",
        "received",
        "requested",
    )

    def __init__(self, length: int, parameters: Parameters) -> None:
        self.length = length
        self._parameters = parameters
        self._data = bytearray()
        self._unsolicited: Burst | None = None
        self._r2t_sn = 0
        self.received = 0
        self.requested = 0
        """The offset up to which data came or was asked for."""
        self.bursts: dict[int, Burst] = {}
        """R2Ts that wait, by their transfer tag."""

    @property
    def complete(self) -> bool:
        """Whether all the data is there."""
        return self.received == self.length

    @property
    def data(self) -> bytearray:
        """What has come so far."""
        return self._data

    def begin(self, immediate: bytes, *, final: bool) -> TransferFault | None:
        """Take what came with the command; `final` is its F bit."""
        agreed = self._parameters
        if immediate and not agreed.immediate_data:
            return TransferFault.UNEXPECTED_UNSOLICITED_DATA
        if not final and agreed.initial_r2t:
            return TransferFault.UNEXPECTED_UNSOLICITED_DATA
        first = min(agreed.first_burst_length, self.length)
        if len(immediate) > first:
            return TransferFault.TOO_MUCH_WRITE_DATA
        self._data += immediate
        self.received = self.requested = len(immediate)
        if not final:
            self._unsolicited = Burst(self.received, first)
            self.requested = first
        return None

    def solicit(self, tag: int) -> Burst | None:
        """The next burst to ask for under a transfer tag; None while there is nothing to ask."""
        agreed = self._parameters
        if self._unsolicited is not None or self.requested == self.length:
            return None
        if len(self.bursts) >= agreed.max_outstanding_r2t:
            return None
        end = min(self.requested + agreed.max_burst_length, self.length)
        burst = Burst(self.requested, end, tag, self._r2t_sn)
        self._r2t_sn += 1
        self.requested = end
        self.bursts[tag] = burst
        return burst

    def take(self, tag: int, data_sn: int, offset: int, data: bytes, *, final: bool) -> TransferFault | None:
        """Take one Data-Out."""
        burst = self._unsolicited if tag == RESERVED_TAG else self.bursts.get(tag)
        if burst is None:
            solicited = tag != RESERVED_TAG
            return (
                TransferFault.ILLEGAL_TRANSFER_TAG if solicited else TransferFault.UNEXPECTED_UNSOLICITED_DATA
            )
        if data_sn != burst.data_sn:
            return TransferFault.DATA_PHASE_ERROR
        # DataSequenceInOrder: bursts are filled one after the other, so the data ends where this goes on.
        if offset != burst.offset or offset != self.received:
            return TransferFault.DATA_OFFSET_ERROR
        if offset + len(data) > burst.end:
            return TransferFault.TOO_MUCH_WRITE_DATA
        self._data += data
        burst.offset = self.received = offset + len(data)
        burst.data_sn += 1
        if final:
            return self._close(burst)
        return None

    def _close(self, burst: Burst) -> TransferFault | None:
        if burst is self._unsolicited:
            # It may end before FirstBurstLength; the rest is asked for (RFC 7143 11.7.1).
            self._unsolicited, self.requested = None, self.received
            return None
        del self.bursts[burst.tag]
        return None if burst.offset == burst.end else TransferFault.DATA_PHASE_ERROR
