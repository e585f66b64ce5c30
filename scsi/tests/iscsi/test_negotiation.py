"""The keys and their rules: all values of both sides, and what neither may say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.iscsi.errors import LocalProtocolError, RemoteProtocolError, TextError
from threepce.scsi.iscsi.keys import KEYS, Key, Role, Rule, Value
from threepce.scsi.iscsi.negotiation import Negotiation, Parameters


def value_of(key: Key) -> st.SearchStrategy[Any]:
    if key.rule in (Rule.AND, Rule.OR):
        return st.booleans()
    if key.rule is Rule.LIST:
        return st.sampled_from([("None",), ("CRC32C",), ("CRC32C", "None"), ("None", "CRC32C")])
    return st.integers(key.least, key.greatest)


NEGOTIATED = [
    name
    for name, key in KEYS.items()
    if not key.is_declared
    and name not in ("AuthMethod", "TaskReporting", "FirstBurstLength", "MaxBurstLength")
]
WANTED = st.fixed_dictionaries({}, optional={name: value_of(KEYS[name]) for name in NEGOTIATED})


def both(initiator: dict[str, Value], target: dict[str, Value]) -> tuple[Negotiation, Negotiation]:
    one, other = Negotiation(Role.INITIATOR, initiator), Negotiation(Role.TARGET, target)
    answers = other.receive(one.offer()) + other.offer(only_declarations=True)
    assert [] == one.receive(answers)
    return one, other


@settings(deadline=None)
@given(initiator=WANTED, target=WANTED)
def test_both_ends_agree(initiator: dict[str, Value], target: dict[str, Value]) -> None:
    """Whatever they want, both hold the same afterwards, and it is what the rule makes of it."""
    lists = {"HeaderDigest", "DataDigest"}
    for name in sorted(lists & initiator.keys()):
        if not set(initiator[name]) & set(target.get(name, ("None",))):  # type: ignore[arg-type]
            with pytest.raises(RemoteProtocolError, match="rejects (Header|Data)Digest="):
                both(initiator, target)
            return

    one, other = both(initiator, target)

    assert one.parameters() == other.parameters()
    for name, value in initiator.items():
        ours: Any = target.get(name, KEYS[name].default)
        expected = made_of(KEYS[name].rule, value, ours)
        assert expected == one.value(name) == other.value(name)


def made_of(rule: Rule, offered: Any, ours: Any) -> Value:
    """RFC 7143 6.2, in other words than the table's."""
    if rule is Rule.LIST:
        return (next(choice for choice in offered if choice in ours),)
    if rule in (Rule.AND, Rule.OR):
        return all((offered, ours)) if rule is Rule.AND else any((offered, ours))
    numbers: list[int] = sorted((offered, ours))
    return numbers[0] if rule is Rule.MINIMUM else numbers[1]


def test_every_combination_of_the_keys_of_data() -> None:
    """InitialR2T, ImmediateData and the burst lengths, both sides, each in two values."""
    values = {"InitialR2T": (False, True), "ImmediateData": (False, True), "MaxBurstLength": (8192, 65536)}
    for each in itertools.product(*values.values(), *values.values()):
        one, other = (dict(zip(values, each[at : at + 3], strict=True)) for at in (0, 3))
        first, second = both({**one, "FirstBurstLength": 4096}, {**other, "FirstBurstLength": 2048})

        agreed = first.parameters()

        assert second.parameters() == agreed
        assert agreed.initial_r2t == (one["InitialR2T"] or other["InitialR2T"])
        assert agreed.immediate_data == (one["ImmediateData"] and other["ImmediateData"])
        assert agreed.max_burst_length == min(one["MaxBurstLength"], other["MaxBurstLength"])
        assert agreed.first_burst_length == 2048


def test_nothing_said_means_the_defaults_of_the_standard() -> None:
    assert Parameters() == both({}, {})[0].parameters()


def test_declared_lengths_are_for_the_other_direction() -> None:
    one, other = both({"MaxRecvDataSegmentLength": 1024}, {"MaxRecvDataSegmentLength": 2048})

    assert (1024, 2048) == (
        one.parameters().max_receive_segment_length,
        one.parameters().max_send_segment_length,
    )
    assert (2048, 1024) == (
        other.parameters().max_receive_segment_length,
        other.parameters().max_send_segment_length,
    )


def test_what_discovery_makes_irrelevant() -> None:
    target = Negotiation(Role.TARGET, {})
    target.discovery = True
    initiator = Negotiation(Role.INITIATOR, {"MaxBurstLength": 512, "DefaultTime2Wait": 5})
    initiator.discovery = True

    assert [("DefaultTime2Wait", "5")] == initiator.offer()
    assert [("MaxBurstLength", "Irrelevant")] == target.receive([("MaxBurstLength", "512")])


@pytest.mark.parametrize(
    ("pair", "answer"),
    [
        (("X-com.example", "1"), [("X-com.example", "NotUnderstood")]),
        (("Nonsense", "NotUnderstood"), []),
        (("IFMarker", "Yes"), [("IFMarker", "No")]),
        (("OFMarkInt", "1~2"), [("OFMarkInt", "Reject")]),
        (("MaxBurstLength", "511"), [("MaxBurstLength", "Reject")]),
        (("InitialR2T", "yes"), [("InitialR2T", "Reject")]),
        (("HeaderDigest", "MD5"), [("HeaderDigest", "Reject")]),
        (("TargetAlias", "x"), None),
        (("MaxBurstLength", "Irrelevant"), None),
        (("MaxRecvDataSegmentLength", "1"), None),
    ],
)
def test_answers_to_what_cannot_be_taken(pair: tuple[str, str], answer: list[tuple[str, str]] | None) -> None:
    target = Negotiation(Role.TARGET, {})
    if answer is not None:
        assert answer == target.receive([pair])
    else:
        with pytest.raises(RemoteProtocolError):
            target.receive([pair])


def test_no_key_comes_twice() -> None:
    target = Negotiation(Role.TARGET, {})
    target.receive([("InitialR2T", "Yes"), ("MaxRecvDataSegmentLength", "512")])

    for pair in (("InitialR2T", "Yes"), ("MaxRecvDataSegmentLength", "512")):
        with pytest.raises(RemoteProtocolError, match="twice"):
            target.receive([pair])


@pytest.mark.parametrize(
    ("name", "offered", "answer"),
    [
        ("MaxBurstLength", 1024, "2048"),
        ("DefaultTime2Wait", 5, "4"),
        ("ImmediateData", False, "Yes"),
        ("InitialR2T", True, "No"),
        ("HeaderDigest", ("CRC32C",), "None"),
        ("HeaderDigest", ("CRC32C", "None"), "CRC32C,None"),
        ("MaxBurstLength", 1024, "Reject"),
        ("MaxBurstLength", 1024, "many"),
    ],
)
def test_an_answer_beyond_the_rule_is_an_error(name: str, offered: Value, answer: str) -> None:
    initiator = Negotiation(Role.INITIATOR, {name: offered})
    initiator.offer()

    with pytest.raises(RemoteProtocolError, match=name if answer != "many" else "no number"):
        initiator.receive([(name, answer)])


def test_irrelevant_and_not_understood_leave_the_default() -> None:
    initiator = Negotiation(Role.INITIATOR, {"MaxBurstLength": 1024, "iSCSIProtocolLevel": 2})
    initiator.offer()
    with pytest.raises(LocalProtocolError, match="no answer yet to MaxBurstLength, iSCSIProtocolLevel"):
        initiator.parameters()
    assert not initiator.finished
    initiator.receive([("MaxBurstLength", "Irrelevant"), ("iSCSIProtocolLevel", "NotUnderstood")])

    assert initiator.finished
    assert (262144, 1) == (initiator.parameters().max_burst_length, initiator.parameters().protocol_level)


def test_an_offer_is_made_once() -> None:
    initiator = Negotiation(
        Role.INITIATOR, {"MaxBurstLength": 1024, "InitiatorName": "iqn.x", "AuthMethod": ("None",)}
    )

    assert ([("MaxBurstLength", "1024")], []) == (initiator.offer(), initiator.offer())
    assert [] == Negotiation(Role.TARGET, {"InitiatorName": "x"}).offer()


def test_a_first_burst_is_no_longer_than_a_burst() -> None:
    """RFC 7143 13.14; a default that would be is cut."""
    target = Negotiation(Role.TARGET, {"FirstBurstLength": 4096, "MaxBurstLength": 65536})
    target.receive([("MaxBurstLength", "1024")])
    assert target.parameters().first_burst_length == 1024

    target.receive([("FirstBurstLength", "2048")])
    with pytest.raises(
        RemoteProtocolError, match="FirstBurstLength 2048 is greater than MaxBurstLength 1024"
    ):
        target.parameters()


def test_in_the_full_feature_phase_most_keys_are_over() -> None:
    target = Negotiation(Role.TARGET, {}, full_feature=True)

    answers = target.receive([("MaxBurstLength", "1024"), ("MaxRecvDataSegmentLength", "4096")])

    assert [("MaxBurstLength", "Reject")] == answers
    assert {"MaxRecvDataSegmentLength": 4096} == target.declared


@pytest.mark.parametrize("wanted", [{"Nonsense": 1}, {"MaxBurstLength": 1}, {"DefaultTime2Wait": 3601}])
def test_what_nobody_can_want(wanted: dict[str, Value]) -> None:
    with pytest.raises(ValueError, match="RFC 7143 13"):
        Negotiation(Role.TARGET, wanted)


@given(st.sampled_from(list(KEYS.values())), st.text(max_size=20))
def test_any_text_is_a_value_or_an_error(key: Key, text: str) -> None:
    try:
        value = key.parse(text)
    except TextError:
        return

    assert value == key.parse(key.format(value))
