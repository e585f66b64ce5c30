"""The keys of RFC 7143 section 13, as data: what values each has and how two values become one.

Owns one entry per key. How keys are exchanged is `negotiation`; those of CHAP are `chap`'s.

Theory. A *declared* key is told by one side and needs no answer. A *negotiated* key is offered by
one side and answered by the other with the result, which its rule makes of both values:

    AND       Yes only when both say Yes          ImmediateData
    OR        Yes when either says Yes            InitialR2T
    MINIMUM   the smaller number                  MaxBurstLength
    MAXIMUM   the greater number                  DefaultTime2Wait
    LIST      the first of the offerer's list     HeaderDigest
              that the answerer takes

A key can also be answered with Reject (no value is acceptable), Irrelevant (it means nothing here)
or NotUnderstood (only for keys that are not of RFC 7143).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from threepce.scsi.iscsi.errors import TextError
from threepce.scsi.iscsi.text import decode_number

__all__ = [
    "IRRELEVANT",
    "KEYS",
    "NOT_UNDERSTOOD",
    "NO_VALUE",
    "OBSOLETE",
    "REJECT",
    "Key",
    "Role",
    "Rule",
    "Value",
]

REJECT, IRRELEVANT, NOT_UNDERSTOOD = "Reject", "Irrelevant", "NotUnderstood"
NO_VALUE = frozenset({REJECT, IRRELEVANT, NOT_UNDERSTOOD})
"""Answers that are no value of the key (RFC 7143 6.2)."""

OBSOLETE = {"IFMarker": "No", "OFMarker": "No", "IFMarkInt": REJECT, "OFMarkInt": REJECT}
"""Keys of RFC 3720 that are gone, and the answer to each (RFC 7143 13.25)."""

Value = bool | int | str | tuple[str, ...]


class Role(Enum):
    """The two ends of a session."""

    INITIATOR = "initiator"
    TARGET = "target"


class Rule(Enum):
    """How the values of both sides become one."""

    DECLARED_NUMBER = "declared number"
    DECLARED_TEXT = "declared text"
    AND = "and"
    OR = "or"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    LIST = "list"


DECLARED = frozenset({Rule.DECLARED_NUMBER, Rule.DECLARED_TEXT})
BOOLEAN = frozenset({Rule.AND, Rule.OR})
BOTH = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its rule, its default, the least and greatest number, who may send it and when."""

    name: str
    rule: Rule
    default: Value
    least: int = 0
    greatest: int = 0
    senders: frozenset[Role] = field(default=BOTH)
    in_discovery: bool = True
    """False: irrelevant in a discovery session."""
    in_full_feature: bool = False
    """Whether it may be sent after the login."""

    @property
    def is_declared(self) -> bool:
        """Whether it is told and not answered."""
        return self.rule in DECLARED

    def parse(self, text: str) -> Value:
        """The value in a text. Raises TextError for one that this key cannot have."""
        if self.rule is Rule.DECLARED_TEXT:
            return text
        if self.rule is Rule.LIST:
            return tuple(text.split(","))
        if self.rule in BOOLEAN:
            if text not in ("Yes", "No"):
                raise TextError(f"{self.name}={text[:64]}: expected Yes or No (RFC 7143 13)")
            return text == "Yes"
        number = decode_number(text)
        if not self.least <= number <= self.greatest:
            raise TextError(
                f"{self.name}={number}: expected a number from {self.least} to {self.greatest} (RFC 7143 13)"
            )
        return number

    def format(self, value: Value) -> str:
        """The text of a value."""
        if isinstance(value, bool):
            return "Yes" if value else "No"
        return ",".join(value) if isinstance(value, tuple) else str(value)

    def result(self, offered: Value, ours: Value) -> Value | None:
        """What becomes of a value that was offered to us; None: nothing is acceptable."""
        match self.rule:
            case Rule.AND:
                return bool(offered and ours)
            case Rule.OR:
                return bool(offered or ours)
            case Rule.MINIMUM:
                return min(offered, ours)
            case Rule.LIST:
                assert isinstance(offered, tuple)
                assert isinstance(ours, tuple)
                return next((choice for choice in offered if choice in ours), None)
            case _:
                return max(offered, ours)

    def admits(self, offered: Value, answer: Value) -> bool:
        """Whether the answer to our offer is one that the rule allows."""
        match self.rule:
            case Rule.LIST:
                assert isinstance(offered, tuple)
                assert isinstance(answer, tuple)
                return len(answer) == 1 and answer[0] in offered
            case Rule.AND:
                return bool(offered) or not answer
            case Rule.OR:
                return not offered or bool(answer)
            case Rule.MINIMUM:
                return answer <= offered  # type: ignore[operator]
            case _:
                return answer >= offered  # type: ignore[operator]


_INITIATOR, _TARGET = frozenset({Role.INITIATOR}), frozenset({Role.TARGET})
_SEGMENT_LIMIT = (1 << 24) - 1

_ALL = (
    Key("AuthMethod", Rule.LIST, ("None",)),
    Key("HeaderDigest", Rule.LIST, ("None",)),
    Key("DataDigest", Rule.LIST, ("None",)),
    Key("MaxConnections", Rule.MINIMUM, 1, 1, 65535, in_discovery=False),
    Key("TargetName", Rule.DECLARED_TEXT, "", senders=_INITIATOR),
    Key("InitiatorName", Rule.DECLARED_TEXT, "", senders=_INITIATOR),
    Key("TargetAlias", Rule.DECLARED_TEXT, "", senders=_TARGET, in_full_feature=True),
    Key("InitiatorAlias", Rule.DECLARED_TEXT, "", senders=_INITIATOR, in_full_feature=True),
    Key("TargetAddress", Rule.DECLARED_TEXT, "", senders=_TARGET, in_full_feature=True),
    Key("TargetPortalGroupTag", Rule.DECLARED_NUMBER, 0, 0, 65535, senders=_TARGET),
    Key("InitialR2T", Rule.OR, True, in_discovery=False),
    Key("ImmediateData", Rule.AND, True, in_discovery=False),
    Key("MaxRecvDataSegmentLength", Rule.DECLARED_NUMBER, 8192, 512, _SEGMENT_LIMIT, in_full_feature=True),
    Key("MaxBurstLength", Rule.MINIMUM, 262144, 512, _SEGMENT_LIMIT, in_discovery=False),
    Key("FirstBurstLength", Rule.MINIMUM, 65536, 512, _SEGMENT_LIMIT, in_discovery=False),
    Key("DefaultTime2Wait", Rule.MAXIMUM, 2, 0, 3600),
    Key("DefaultTime2Retain", Rule.MINIMUM, 20, 0, 3600),
    Key("MaxOutstandingR2T", Rule.MINIMUM, 1, 1, 65535, in_discovery=False),
    Key("DataPDUInOrder", Rule.OR, True, in_discovery=False),
    Key("DataSequenceInOrder", Rule.OR, True, in_discovery=False),
    Key("ErrorRecoveryLevel", Rule.MINIMUM, 0, 0, 2),
    Key("SessionType", Rule.DECLARED_TEXT, "Normal", senders=_INITIATOR),
    Key("TaskReporting", Rule.LIST, ("RFC3720",), in_discovery=False),
    Key("iSCSIProtocolLevel", Rule.MINIMUM, 1, 0, 31),
    Key("SendTargets", Rule.DECLARED_TEXT, "", senders=_INITIATOR, in_full_feature=True),
)

KEYS: dict[str, Key] = {key.name: key for key in _ALL}
