"""Text requests of the full feature phase, at the target (RFC 7143 11.10, 11.11, appendix C).

Owns an exchange that goes over several PDUs in either direction: the C bit of what comes, the rest of
what does not fit one answer. One exchange is open at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from threepce.scsi.iscsi.bhs import RESERVED_TAG, TextRequest
from threepce.scsi.iscsi.codes import RejectReason
from threepce.scsi.iscsi.errors import RemoteProtocolError, TextError
from threepce.scsi.iscsi.keys import REJECT, Role
from threepce.scsi.iscsi.negotiation import Negotiation
from threepce.scsi.iscsi.text import Pair, TextCollector, encode_text, parts

__all__ = ["Discover", "TextAnswer", "TextExchange"]

Discover = Callable[[str], list[Pair] | None]
"""The pairs that answer a value of SendTargets, None to reject it."""

TEXT_TAG = 1
"""The transfer tag of an exchange that goes on; there is but one at a time."""


class TextAnswer(NamedTuple):
    """What to send in a Text Response. With `final` the exchange is over."""

    data: bytes
    final: bool
    continues: bool

    @property
    def tag(self) -> int:
        """The transfer tag under which the initiator goes on."""
        return RESERVED_TAG if self.final else TEXT_TAG


class TextExchange:
    """The target's end of text exchanges."""

    def __init__(self, discover: Discover) -> None:
        self._discover = discover
        self._collector = TextCollector()
        self._rest: list[bytes] = []
        self.declared_segment_length: int | None = None
        """What the initiator declared to take from now on."""

    def take(self, request: TextRequest, data: bytes, room: int) -> TextAnswer:
        """Answer one Text Request in at most `room` bytes of data. Raises RemoteProtocolError."""
        goes_on = bool(self._rest) or self._collector.waits
        if request.target_transfer_tag != RESERVED_TAG:
            if not goes_on or request.target_transfer_tag != TEXT_TAG:
                raise RemoteProtocolError("a Text Request with an unknown transfer tag (RFC 7143 11.10.4)")
        elif goes_on:  # the initiator begins anew and so gives up what was before (RFC 7143 11.10.4)
            self._rest, self._collector = [], TextCollector()
        if self._rest:
            return self._next()
        try:
            pairs = self._collector.add(data, more=request.continues)
            if pairs is None:
                return TextAnswer(b"", final=False, continues=False)
            self._rest = parts(encode_text(self._answers(pairs)), room)
        except TextError as error:
            raise RemoteProtocolError(str(error), RejectReason.INVALID_PDU_FIELD) from None
        return self._next()

    def _next(self) -> TextAnswer:
        piece = self._rest.pop(0)
        return TextAnswer(piece, final=not self._rest, continues=bool(self._rest))

    def _answers(self, pairs: list[Pair]) -> list[Pair]:
        answers: list[Pair] = []
        for name, value in pairs:
            if name == "SendTargets":
                found = self._discover(value)
                answers += [(name, REJECT)] if found is None else found
        negotiation = Negotiation(Role.TARGET, {}, full_feature=True)
        answers += negotiation.receive((name, value) for name, value in pairs if name != "SendTargets")
        declared = negotiation.declared.get("MaxRecvDataSegmentLength")
        if declared is not None:
            assert isinstance(declared, int)
            self.declared_segment_length = declared
        return answers
