"""One SCSI command as its initiator sees it: how its data move and how it ends (RFC 7143 4.2.5).

Owns the checks on Data-In, R2T and SCSI Response that concern a single command. Numbers that all
PDUs of a session share, and the sending, are `sender_initiator`'s and `session_initiator`'s.

Theory. The data of a write leave in up to three ways, in this order:

    immediate      with the command itself, where ImmediateData=Yes
    unsolicited    in Data-Out PDUs behind it, up to FirstBurstLength, where InitialR2T=No
    solicited      in Data-Out PDUs as R2Ts ask for them, up to MaxBurstLength each

All data come and go in order, as DataPDUInOrder and DataSequenceInOrder are always Yes for us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from threepce.scsi.iscsi.bhs import R2T, ExtendedCdbAhs, ScsiDataIn, ScsiResponse
from threepce.scsi.iscsi.codes import ResponseCode
from threepce.scsi.iscsi.errors import RemoteProtocolError
from threepce.scsi.iscsi.negotiation import Parameters
from threepce.scsi.iscsi.pdu import Buffer
from threepce.scsi.nexus import Completion

__all__ = ["CDB_IN_HEADER", "CommandTask", "FirstData", "extended_cdb", "first_data"]

CDB_IN_HEADER = 16
"""Bytes of a CDB that the header holds; the rest is an additional header segment."""

_SENSE_LENGTH = 2
_RESERVED_BYTE = 1  # the one behind AHSType counts in AHSLength


class FirstData(NamedTuple):
    """How much of a write leaves before the target has asked: with the command, and in all."""

    immediate: int
    unsolicited: int


def first_data(length: int, agreed: Parameters, segment_length: int) -> FirstData:
    """What may leave unasked of `length` bytes (RFC 7143 13.10, 13.11, 13.14)."""
    burst = min(length, agreed.first_burst_length)
    immediate = min(burst, segment_length) if agreed.immediate_data else 0
    return FirstData(immediate, immediate if agreed.initial_r2t else burst)


def extended_cdb(cdb: bytes) -> bytes:
    """The additional header segment for what the header cannot hold (RFC 7143 11.2.2.3)."""
    rest = cdb[CDB_IN_HEADER:]
    if not rest:
        return b""
    head = ExtendedCdbAhs(ahs_length=len(rest) + _RESERVED_BYTE).encode()
    return head + rest + bytes(-len(rest) % 4)


@dataclass(slots=True, eq=False)
class CommandTask:
    """A command that was sent. Once it has ended, `completion` says how or `failure` why not."""

    tag: int
    lun: int
    cdb: bytes
    data_out: Buffer
    data_in_length: int
    cmd_sn: int
    completion: Completion | None = None
    failure: str = ""
    _received: bytearray = field(default_factory=bytearray)
    _data_sn: int = 0
    _r2t_sn: int = 0
    _asked: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.completion is not None or bool(self.failure)

    def sent_unasked(self, length: int) -> None:
        """So much of the data is on its way before any R2T."""
        self._asked = length

    def data_in(self, header: ScsiDataIn, data: bytes) -> None:
        """Take data and, with the S bit, the end. Raises RemoteProtocolError."""
        at, wanted = len(self._received), self.data_in_length
        if header.data_sn != self._data_sn:
            raise _broken("DataSN", "SCSI Data-In", header.data_sn, f"{self._data_sn} is next", "11.7.5")
        if header.buffer_offset != at:
            raise _broken("Buffer Offset", "SCSI Data-In", header.buffer_offset, f"{at} is next", "11.7.6")
        if at + len(data) > wanted:
            why = f"only {wanted - at} of {wanted} bytes are left"
            raise _broken("DataSegmentLength", "SCSI Data-In", len(data), why, "11.7")
        self._data_sn += 1
        self._received += data
        if header.status_present:
            self._end(header.status, b"", header)

    def r2t(self, header: R2T, agreed: Parameters) -> range:
        """The part of the data that the target asks for. Raises RemoteProtocolError."""
        offset, length = header.buffer_offset, header.desired_data_transfer_length
        if header.r2t_sn != self._r2t_sn:
            raise _broken("R2TSN", "R2T", header.r2t_sn, f"{self._r2t_sn} is next", "11.8.3")
        if offset != self._asked:
            raise _broken("Buffer Offset", "R2T", offset, f"{self._asked} is next", "11.8.4")
        most = min(agreed.max_burst_length, len(self.data_out) - offset)
        if not 0 < length <= most:
            why = f"1 to {most} are possible" if most else "all data are sent"
            raise _broken("Desired Data Transfer Length", "R2T", length, why, "11.8.4")
        self._r2t_sn += 1
        self._asked += length
        return range(offset, offset + length)

    def response(self, header: ScsiResponse, data: bytes) -> None:
        """Take the end of the command. Raises RemoteProtocolError."""
        if header.response != ResponseCode.COMMAND_COMPLETED:
            self.failure = (
                f"the target ends it with service response {header.response:02X}h (RFC 7143 11.4.3)"
            )
            return
        length = int.from_bytes(data[:_SENSE_LENGTH])
        sense = data[_SENSE_LENGTH : _SENSE_LENGTH + length]
        if len(sense) < length:
            raise _broken("SenseLength", "SCSI Response", length, f"only {len(sense)} bytes follow", "11.4.7")
        self._end(header.status, sense, header)

    def _end(self, status: int, sense: bytes, header: ScsiDataIn | ScsiResponse) -> None:
        pdu = "SCSI Data-In" if isinstance(header, ScsiDataIn) else "SCSI Response"
        expected = len(self.data_out) or self.data_in_length
        if header.overflow and header.underflow:
            raise _broken("O and U", pdu, 3, "they exclude each other", "11.4.1")
        if header.underflow and header.residual_count > expected:
            why = f"{expected} bytes were to be moved"
            raise _broken("Residual Count", pdu, header.residual_count, why, "11.4.5")
        if header.overflow:
            residual = -header.residual_count
        elif header.underflow:
            residual = header.residual_count
        else:
            residual = self.data_in_length - len(self._received)
        valid = max(0, self.data_in_length - max(0, residual))
        self.completion = Completion(status, sense, bytes(self._received[:valid]), residual)


def _broken(name: str, pdu: str, value: int, why: str, clause: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{name} of a {pdu} is {value}: {why} (RFC 7143 {clause})")
