"""The login phase: our two ends together, then each against whatever may come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.iscsi.bhs import LoginRequest, LoginResponse
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import LoginStatus, Stage
from threepce.scsi.iscsi.errors import LoginFailed, ProtocolError, RemoteProtocolError
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.login import (
    MOST_REQUESTS,
    TRANSITIONS,
    Admission,
    Identity,
    LoginResult,
    TargetLogin,
)
from threepce.scsi.iscsi.login_initiator import InitiatorLogin, LoginRedirected
from threepce.scsi.iscsi.text import decode_text, encode_text

SECRETS = ChapSecrets("user", b"secret of the user", "target", b"secret of the target")
ONE_WAY = ChapSecrets("user", b"secret of the user")
ISID = bytes.fromhex("00023d000001")


def random(length: int) -> bytes:
    return bytes(range(length))


def target_end(admission: Admission | None = None, wanted: dict[str, Value] | None = None) -> TargetLogin:
    return TargetLogin(lambda _: admission or Admission(), wanted or {}, random=random, new_tsih=lambda: 7)


def initiator_end(
    secrets: ChapSecrets | None = None,
    target: str = "iqn.t",
    wanted: dict[str, Value] | None = None,
    **more: Any,
) -> InitiatorLogin:
    return InitiatorLogin(
        initiator_name="iqn.i",
        target_name=target,
        isid=ISID,
        wanted=wanted or {},
        secrets=secrets,
        random=lambda length: bytes(range(1, length + 1)),
        **more,
    )


def run(initiator: InitiatorLogin, target: TargetLogin) -> None:
    requests = [initiator.start()]
    for _ in range(50):
        if not requests:
            return
        responses = [answer for request in requests for answer in target.receive(*request)]
        requests = [again for response in responses for again in initiator.receive(*response)]
    raise AssertionError("the login does not end")


def both(initiator: InitiatorLogin, target: TargetLogin) -> tuple[LoginResult, LoginResult]:
    run(initiator, target)
    assert initiator.result is not None
    assert target.result is not None
    assert target.failure is None
    return initiator.result, target.result


@pytest.mark.parametrize(
    ("ours", "admission"),
    [
        (None, Admission()),
        (ONE_WAY, Admission()),
        (ONE_WAY, Admission(authenticate=True, secrets=ONE_WAY)),
        (ONE_WAY, Admission(authenticate=True, secrets=SECRETS)),
        (SECRETS, Admission(authenticate=True, secrets=SECRETS)),
        (SECRETS, Admission(secrets=SECRETS)),
    ],
)
@pytest.mark.parametrize("target", ["iqn.t", ""])
def test_a_login_succeeds(ours: ChapSecrets | None, admission: Admission, target: str) -> None:
    one, other = both(
        initiator_end(ours, target, {"MaxBurstLength": 4096, "FirstBurstLength": 1024}, alias="me"),
        target_end(replace(admission, alias="disk"), {"MaxRecvDataSegmentLength": 65536}),
    )

    assert (one.tsih, one.cmd_sn, one.stat_sn) == (other.tsih, other.cmd_sn, other.stat_sn)
    assert replace(one.parameters, max_send_segment_length=0) == replace(
        other.parameters, max_receive_segment_length=8192, max_send_segment_length=0
    )
    assert (
        Identity(
            initiator_name="iqn.i",
            target_name=target,
            discovery=not target,
            isid=ISID,
            tsih=0,
            cid=0,
            initiator_alias="me",
        )
        == other.identity
    )


def test_an_initiator_may_go_straight_to_the_full_feature_phase() -> None:
    login = target_end()
    request = first(current_stage=Stage.SECURITY, next_stage=Stage.FULL_FEATURE)

    ((response, _),) = login.receive(request, NAMES)

    assert (True, Stage.FULL_FEATURE, 7) == (response.transit, response.next_stage, response.tsih)
    assert login.result is not None


NAMES = encode_text([("InitiatorName", "iqn.i"), ("TargetName", "iqn.t")])


def first(**fields: Any) -> LoginRequest:
    values: dict[str, Any] = {
        "final": True,
        "current_stage": Stage.OPERATIONAL,
        "next_stage": Stage.FULL_FEATURE,
        "isid": ISID,
        "cmd_sn": 5,
    }
    return LoginRequest(**(values | fields))


def status_of(login: TargetLogin, *requests: tuple[LoginRequest, bytes]) -> int:
    """The status of the last answer."""
    for request, data in requests:
        ((response, _),) = login.receive(request, data)
    assert (login.failure is None) == (response.status_class == 0)
    return response.status_class << 8 | response.status_detail


CHAP = Admission(authenticate=True, secrets=SECRETS)


@pytest.mark.parametrize(
    ("admission", "request_", "data", "status"),
    [
        (None, first(version_min=1), NAMES, LoginStatus.UNSUPPORTED_VERSION),
        (None, first(current_stage=2), NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(current_stage=Stage.FULL_FEATURE), NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(next_stage=Stage.OPERATIONAL), NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(next_stage=2), NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(continues=True), NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(), b"", LoginStatus.MISSING_PARAMETER),
        (None, first(), b"InitiatorName=iqn.i\0", LoginStatus.MISSING_PARAMETER),
        (None, first(), b"InitiatorName=" + b"i" * 224 + b"\0TargetName=t\0", LoginStatus.MISSING_PARAMETER),
        (None, first(), NAMES + b"SessionType=Odd\0", LoginStatus.SESSION_TYPE_NOT_SUPPORTED),
        (None, first(), NAMES + NAMES, LoginStatus.INITIATOR_ERROR),
        (None, first(), b"garbage", LoginStatus.INITIATOR_ERROR),
        (None, first(), NAMES + b"AuthMethod=None\0", LoginStatus.INITIATOR_ERROR),
        (None, first(current_stage=0), NAMES + b"AuthMethod=CHAP\0", LoginStatus.AUTHENTICATION_FAILURE),
        (None, first(current_stage=0), NAMES + b"AuthMethod=Reject\0", LoginStatus.AUTHENTICATION_FAILURE),
        (None, first(current_stage=0), NAMES + b"CHAP_A=5\0", LoginStatus.INITIATOR_ERROR),
        (CHAP, first(), NAMES, LoginStatus.AUTHENTICATION_FAILURE),
        (CHAP, first(current_stage=0), NAMES, LoginStatus.AUTHENTICATION_FAILURE),
        (CHAP, first(current_stage=0), NAMES + b"AuthMethod=None\0", LoginStatus.AUTHENTICATION_FAILURE),
        (CHAP, first(current_stage=0, next_stage=1), NAMES + b"AuthMethod=CHAP\0", LoginStatus.SUCCESS),
    ],
)
def test_what_a_target_says_to_a_first_request(
    admission: Admission | None, request_: LoginRequest, data: bytes, status: LoginStatus
) -> None:
    assert status == status_of(target_end(admission), (request_, data))


def test_a_way_past_chap_stays_where_it_is() -> None:
    login = target_end(CHAP)
    asks = first(current_stage=Stage.SECURITY, next_stage=Stage.OPERATIONAL)

    ((response, data),) = login.receive(asks, NAMES + b"AuthMethod=CHAP\0")

    assert not response.transit
    assert ("AuthMethod", "CHAP") in decode_text(data)
    assert status_of(login, (asks, b"AuthMethod=CHAP\0")) == LoginStatus.INITIATOR_ERROR


@pytest.mark.parametrize(
    "changed",
    [
        {"isid": bytes(6)},
        {"tsih": 1},
        {"cid": 1},
        {"initiator_task_tag": 1},
        {"current_stage": Stage.SECURITY},
    ],
)
def test_what_names_the_login_does_not_change(changed: dict[str, Any]) -> None:
    begun = first(final=False), NAMES

    assert LoginStatus.INITIATOR_ERROR == status_of(target_end(), begun, (first(**changed), b""))


def test_a_login_does_not_go_on_for_ever() -> None:
    login = target_end()
    for number in range(MOST_REQUESTS):
        login.receive(first(final=False), NAMES if number == 0 else b"")

    assert LoginStatus.INITIATOR_ERROR == status_of(login, (first(), b""))
    with pytest.raises(RemoteProtocolError, match="after the login"):
        login.receive(first(), b"")


def test_text_in_parts_both_ways() -> None:
    """RFC 7143 6.2: C says that a text goes on; the other side answers with nothing until it is whole."""
    login = target_end()
    odd = encode_text((f"X-com.example.{number}", "1") for number in range(700))
    ((empty, nothing),) = login.receive(first(final=False, continues=True), NAMES[:10])
    assert (b"", False) == (nothing, empty.transit)
    (answer,) = login.receive(first(), NAMES[10:] + odd)
    received = b""

    while answer[0].continues:
        received += answer[1]
        assert not answer[0].transit
        (answer,) = login.receive(first(final=False), b"")
    received += answer[1]

    assert 700 == sum(value == "NotUnderstood" for _, value in decode_text(received))
    assert LoginStatus.SUCCESS == status_of(login, (first(), b""))
    assert login.result is not None


def test_text_before_ours_was_whole() -> None:
    login = target_end()
    odd = encode_text((f"X-com.example.{number}", "1") for number in range(700))
    login.receive(first(), NAMES + odd)

    assert LoginStatus.INITIATOR_ERROR == status_of(login, (first(), b"A=1\0"))


def test_an_admission_is_refused_with_its_own_status() -> None:
    def admit(identity: Identity) -> Admission:
        raise LoginFailed(LoginStatus.NOT_FOUND, f"no {identity.target_name}")

    login = TargetLogin(admit, {}, random=random, new_tsih=lambda: 1)

    assert LoginStatus.NOT_FOUND == status_of(login, (first(), NAMES))
    assert "no iqn.t (login status 0203h not found, RFC 7143 11.13.5)" == str(login.failure)


def test_a_caller_may_refuse_at_the_end() -> None:
    login = target_end()
    login.receive(first(), NAMES)

    ((response, _),) = login.refuse(first(), LoginFailed(LoginStatus.OUT_OF_RESOURCES, "full"))

    assert (3, 2) == (response.status_class, response.status_detail)
    assert login.finished


REQUESTS = st.builds(
    LoginRequest,
    final=st.booleans(),
    continues=st.booleans(),
    current_stage=st.integers(0, 3),
    next_stage=st.integers(0, 3),
    version_min=st.sampled_from([0, 0, 0, 1]),
    isid=st.just(ISID),
    tsih=st.sampled_from([0, 0, 0, 9]),
    cmd_sn=st.just(1),
)
TEXTS = st.lists(
    st.sampled_from(
        [
            *(
                "InitiatorName=iqn.i",
                "TargetName=iqn.t",
                "SessionType=Discovery",
                "AuthMethod=CHAP",
                "AuthMethod=None",
            ),
            *(
                "CHAP_A=5",
                "CHAP_N=user",
                "CHAP_R=0x00",
                "CHAP_I=1",
                "CHAP_C=0x0102",
                "InitialR2T=No",
                "MaxBurstLength=1",
            ),
            *(
                "HeaderDigest=CRC32C,None",
                "MaxRecvDataSegmentLength=4096",
                "nonsense",
                "X-a=1",
                "TargetAlias=x",
            ),
        ]
    ),
    max_size=5,
).map(lambda items: "".join(f"{item}\0" for item in items).encode())


@settings(deadline=None, max_examples=300)
@given(
    admission=st.sampled_from([Admission(), CHAP]),
    requests=st.lists(
        st.tuples(REQUESTS, TEXTS | st.just(NAMES) | st.binary(max_size=20)), min_size=1, max_size=8
    ),
)
def test_any_request_in_any_state_is_answered_or_ends_the_login(
    admission: Admission, requests: list[tuple[LoginRequest, bytes]]
) -> None:
    """Legal, or refused with a status: nothing else, and nobody gets past CHAP."""
    login = target_end(admission)
    for request, data in requests:
        before = login.stage
        if login.finished:
            with pytest.raises(RemoteProtocolError):
                login.receive(request, data)
            continue
        ((response, _),) = login.receive(request, data)
        assert response.isid == request.isid
        if response.status_class:
            assert login.failure is not None
        elif response.transit:
            assert before is None or response.next_stage in TRANSITIONS[before]
            assert request.transit
        assert login.result is None or not admission.authenticate


# The initiator against a target that we make up.


def answer(data: bytes = b"", **fields: Any) -> tuple[LoginResponse, bytes]:
    values: dict[str, Any] = {
        "current_stage": Stage.SECURITY,
        "isid": ISID,
        "initiator_task_tag": 0,
        "stat_sn": 1,
    }
    return LoginResponse(**(values | fields)), data


ADVANCE: dict[str, Any] = {"final": True, "next_stage": Stage.OPERATIONAL}


@pytest.mark.parametrize(
    ("secrets", "response", "error"),
    [
        (None, answer(status_class=2, status_detail=3), "not found"),
        (None, answer(status_class=9, status_detail=9), "0909h"),
        (None, answer(initiator_task_tag=3), "another task tag"),
        (None, answer(version_active=1), "speaks version 1"),
        (None, answer(current_stage=1), "CSG is 1 in stage 0"),
        (None, answer(final=True, next_stage=3), "NSG 3 does not follow"),
        (None, answer(**ADVANCE, continues=True), "not asked to"),
        (ONE_WAY, answer(**ADVANCE), "not asked to"),
        (None, answer(b"AuthMethod=CHAP\0"), "answers AuthMethod=CHAP, offered was None"),
        (SECRETS, answer(b"AuthMethod=None\0"), "answers AuthMethod=None, offered was CHAP"),
        (None, answer(b"CHAP_A=5\0"), "CHAP was not agreed"),
        (None, answer(b"InitiatorName=x\0"), "not for the target to send"),
    ],
)
def test_what_an_initiator_does_not_take(
    secrets: ChapSecrets | None, response: tuple[LoginResponse, bytes], error: str
) -> None:
    login = initiator_end(secrets)
    login.start()

    with pytest.raises(ProtocolError, match=error):
        login.receive(*response)


def test_a_target_that_moves_past_chap_is_not_believed() -> None:
    """It may choose None where that was offered, but not go on without an answer."""
    login = initiator_end(ONE_WAY)
    login.start()
    ((request, _),) = login.receive(*answer())
    assert not request.transit

    login = initiator_end(SECRETS)
    login.start()
    login.receive(*answer(b"AuthMethod=CHAP\0"))
    login.receive(*answer(b"CHAP_A=5\0CHAP_I=1\0CHAP_C=0x00\0", stat_sn=2))
    login._transit = True  # as if it had been asked for

    with pytest.raises(ProtocolError, match="CHAP_N is missing|without CHAP"):
        login.receive(*answer(**ADVANCE, stat_sn=3))
    with pytest.raises(LoginFailed, match="without CHAP"):
        login._advance(answer(**ADVANCE)[0])


def test_a_target_may_move() -> None:
    login = initiator_end()
    login.start()

    with pytest.raises(LoginRedirected, match="moved to 10.0.0.1:3260,1") as caught:
        login.receive(*answer(b"TargetAddress=10.0.0.1:3260,1\0", status_class=1, status_detail=1))

    assert ("10.0.0.1:3260,1", LoginStatus.TARGET_MOVED_TEMPORARILY) == (
        caught.value.address,
        caught.value.status,
    )


def test_an_initiator_asks_for_the_rest_of_a_text() -> None:
    login = initiator_end()
    login.start()

    ((request, data),) = login.receive(*answer(b"TargetAlias=a long", continues=True))
    assert (b"", False) == (data, request.transit)
    ((request, _),) = login.receive(*answer(b" name\0AuthMethod=None\0", stat_sn=2))

    assert request.transit
    assert 3 == request.exp_stat_sn


def test_after_the_login_there_is_none() -> None:
    initiator, target = initiator_end(), target_end()
    run(initiator, target)

    with pytest.raises(RemoteProtocolError, match="after the login"):
        initiator.receive(*answer())


def test_an_operational_stage_may_take_several_requests() -> None:
    """A target that is not ready stays; the initiator asks again and offers nothing twice."""
    login = initiator_end(wanted={"MaxBurstLength": 4096})
    login.start()
    ((_, offer),) = login.receive(*answer(b"AuthMethod=None\0", **ADVANCE))
    ((again, nothing),) = login.receive(*answer(b"MaxBurstLength=1024\0", current_stage=1, stat_sn=2))

    assert [("MaxBurstLength", "4096")] == decode_text(offer)
    assert (b"", True) == (nothing, again.transit)
    assert [] == login.receive(*answer(current_stage=1, final=True, next_stage=3, stat_sn=3, tsih=4))
    assert login.result is not None
    assert (4, 1024) == (login.result.tsih, login.result.parameters.max_burst_length)


RESPONSES = st.builds(
    LoginResponse,
    final=st.booleans(),
    continues=st.booleans(),
    current_stage=st.integers(0, 3),
    next_stage=st.integers(0, 3),
    isid=st.just(ISID),
    initiator_task_tag=st.sampled_from([0, 0, 0, 1]),
    status_class=st.sampled_from([0, 0, 0, 0, 1, 2]),
)


@settings(deadline=None, max_examples=300)
@given(
    secrets=st.sampled_from([None, ONE_WAY, SECRETS]),
    responses=st.lists(st.tuples(RESPONSES, TEXTS | st.binary(max_size=20)), min_size=1, max_size=8),
)
def test_any_response_in_any_state_is_legal_or_an_error(
    secrets: ChapSecrets | None, responses: list[tuple[LoginResponse, bytes]]
) -> None:
    login = initiator_end(secrets)
    login.start()
    for response, data in responses:
        try:
            login.receive(response, data)
        except ProtocolError:
            break
    assert login.result is None or secrets is None or not secrets.is_mutual


def test_statuses_have_words() -> None:
    assert "0201h authentication failure" == LoginStatus.text_of(0x0201)
