"""Operational negotiation: offers, answers and what comes of them, for either role (RFC 7143 6.2).

Owns the exchange of the keys in `keys`; knows nothing of PDUs, stages or authentication.

    negotiation = Negotiation(Role.INITIATOR, {"HeaderDigest": ("CRC32C", "None"), "MaxBurstLength": 1 << 20})
    send(negotiation.offer())                  # the initiator begins with what it wants
    send(negotiation.receive(pairs))           # both: answers to what came; raises RemoteProtocolError
    negotiation.parameters()                   # once nothing is pending
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from threepce.scsi.iscsi.errors import LocalProtocolError, RemoteProtocolError, TextError
from threepce.scsi.iscsi.keys import (
    IRRELEVANT,
    KEYS,
    NO_VALUE,
    NOT_UNDERSTOOD,
    OBSOLETE,
    REJECT,
    Key,
    Role,
    Rule,
    Value,
)
from threepce.scsi.iscsi.text import Pair, without_repeats

__all__ = ["Negotiation", "Parameters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What both sides agreed on; the defaults are those of RFC 7143 section 13."""

    header_digest: bool = False
    data_digest: bool = False
    max_connections: int = 1
    initial_r2t: bool = True
    immediate_data: bool = True
    max_receive_segment_length: int = 8192
    """The data a PDU to us may have: what we declared."""
    max_send_segment_length: int = 8192
    """The data a PDU from us may have: what the peer declared."""
    max_burst_length: int = 262144
    first_burst_length: int = 65536
    default_time_to_wait: int = 2
    default_time_to_retain: int = 20
    max_outstanding_r2t: int = 1
    data_pdu_in_order: bool = True
    data_sequence_in_order: bool = True
    error_recovery_level: int = 0
    task_reporting: str = "RFC3720"
    protocol_level: int = 1


_FIELDS = {
    "max_connections": "MaxConnections",
    "initial_r2t": "InitialR2T",
    "immediate_data": "ImmediateData",
    "max_burst_length": "MaxBurstLength",
    "first_burst_length": "FirstBurstLength",
    "default_time_to_wait": "DefaultTime2Wait",
    "default_time_to_retain": "DefaultTime2Retain",
    "max_outstanding_r2t": "MaxOutstandingR2T",
    "data_pdu_in_order": "DataPDUInOrder",
    "data_sequence_in_order": "DataSequenceInOrder",
    "error_recovery_level": "ErrorRecoveryLevel",
    "protocol_level": "iSCSIProtocolLevel",
}
_SEGMENT = "MaxRecvDataSegmentLength"


class Negotiation:
    """The keys of one login, or of one text exchange of the full feature phase.

    `wanted` has our value for some keys; for a list, all that we take, the best first. What it
    does not name has its default. Raises ValueError for a key or a value that cannot be.
    """

    def __init__(self, role: Role, wanted: Mapping[str, Value], *, full_feature: bool = False) -> None:
        self.role = role
        self.peer = Role.TARGET if role is Role.INITIATOR else Role.INITIATOR
        self.discovery = False
        self.full_feature = full_feature
        self.wanted = dict(wanted)
        self.agreed: dict[str, Value] = {}
        """Results of negotiated keys."""
        self.declared: dict[str, Value] = {}
        """What the peer told about itself."""
        self.pending: dict[str, Value] = {}
        """Our offers that wait for an answer."""
        self._told: set[str] = set()
        for name, value in wanted.items():
            if name not in KEYS:
                raise ValueError(f"there is no key {name} (RFC 7143 13)")
            try:
                KEYS[name].parse(KEYS[name].format(value))
            except TextError as error:
                raise ValueError(str(error)) from None

    @property
    def finished(self) -> bool:
        """Whether every offer of ours has its answer."""
        return not self.pending

    def ours(self, key: Key) -> Value:
        """The value we would have for a key."""
        return self.wanted.get(key.name, key.default)

    def tell(self, name: str, value: Value) -> Pair:
        """A declaration of ours, as a pair to send."""
        self._told.add(name)
        return name, KEYS[name].format(value)

    def offer(self, *, only_declarations: bool = False) -> list[Pair]:
        """All that we want and may say, once: declarations, and offers that wait for an answer."""
        said: list[Pair] = []
        for name, value in self.wanted.items():
            key = KEYS[name]
            if self.role not in key.senders or name in self._told or name in self.agreed:
                continue
            if key.rule is Rule.DECLARED_TEXT or name == "AuthMethod":
                continue  # names and security are the login's business
            if self.discovery and not key.in_discovery:
                continue
            if not key.is_declared:
                if only_declarations:
                    continue
                self.pending[name] = value
            said.append(self.tell(name, value))
        return said

    def receive(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Take the peer's keys; returns the answers it is owed. Raises RemoteProtocolError."""
        return [
            answer
            for name, text in without_repeats(pairs).items()
            if (answer := self._take(name, text)) is not None
        ]

    def _take(self, name: str, text: str) -> Pair | None:
        key = KEYS.get(name)
        if name in self.pending:
            assert key is not None
            self._take_answer(key, text)
            return None
        if key is None:
            # An answer of NotUnderstood to a key we never sent would go on for ever.
            return None if text in NO_VALUE else (name, OBSOLETE.get(name, NOT_UNDERSTOOD))
        if self.peer not in key.senders:
            raise RemoteProtocolError(f"{name} is not for the {self.peer.value} to send (RFC 7143 13)")
        if self.full_feature and not key.in_full_feature:
            return name, REJECT
        if key.is_declared:
            if name in self.declared:
                raise RemoteProtocolError(f"{name} is declared twice (RFC 7143 6.3)")
            self.declared[name] = key.parse(text)
            return None
        return self._answer(key, text)

    def _take_answer(self, key: Key, text: str) -> None:
        offered = self.pending.pop(key.name)
        if text == REJECT:
            raise RemoteProtocolError(f"the {self.peer.value} rejects {key.name}={key.format(offered)}")
        if text in NO_VALUE:
            self.agreed[key.name] = key.default
            return
        answer = key.parse(text)
        if not key.admits(offered, answer):
            raise RemoteProtocolError(
                f"the {self.peer.value} answers {key.name}={text[:64]} to {key.format(offered)} (RFC 7143 6.2)"
            )
        self.agreed[key.name] = answer

    def _answer(self, key: Key, text: str) -> Pair:
        if key.name in self.agreed:
            raise RemoteProtocolError(f"{key.name} is negotiated twice (RFC 7143 6.3)")
        if self.discovery and not key.in_discovery:
            return key.name, IRRELEVANT
        if text in NO_VALUE:
            raise RemoteProtocolError(f"{key.name}={text} answers an offer that was not made")
        try:
            offered = key.parse(text)
        except TextError:
            return key.name, REJECT
        result = key.result(offered, self.ours(key))
        if result is None:
            return key.name, REJECT
        self.agreed[key.name] = (result,) if isinstance(result, str) else result
        return key.name, key.format(result)

    def value(self, name: str) -> Value:
        """What holds now for a negotiated key, or for what the peer declared."""
        return self.agreed.get(name, self.declared.get(name, KEYS[name].default))

    def parameters(self) -> Parameters:
        """What was agreed. Raises LocalProtocolError while an offer waits for its answer.

        Raises RemoteProtocolError for a first burst longer than a burst (RFC 7143 13.14).
        """
        if self.pending:
            raise LocalProtocolError(f"no answer yet to {', '.join(self.pending)}")
        values: dict[str, Any] = {field: self.value(name) for field, name in _FIELDS.items()}
        if values["first_burst_length"] > values["max_burst_length"]:
            if "FirstBurstLength" in self.agreed:
                raise RemoteProtocolError(
                    f"FirstBurstLength {values['first_burst_length']} is greater than MaxBurstLength "
                    f"{values['max_burst_length']} (RFC 7143 13.14)"
                )
            values["first_burst_length"] = values["max_burst_length"]
        return Parameters(
            **values,
            header_digest=self.value("HeaderDigest") == ("CRC32C",),
            data_digest=self.value("DataDigest") == ("CRC32C",),
            task_reporting=str(self.value("TaskReporting")[0]),  # type: ignore[index]
            max_receive_segment_length=int(self.wanted[_SEGMENT])  # type: ignore[arg-type]
            if _SEGMENT in self._told
            else 8192,
            max_send_segment_length=int(self.declared.get(_SEGMENT, 8192)),  # type: ignore[arg-type]
        )
