"""CHAP between our two ends, with wrong secrets, reflected challenges and keys out of turn."""

from __future__ import annotations

import hashlib
from itertools import count

import pytest

from threepce.scsi.iscsi.chap import (
    ALGORITHMS,
    ChapInitiator,
    ChapSecrets,
    ChapState,
    ChapTarget,
    chap_response,
)
from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.errors import LoginFailed, TextError

ONE_WAY = ChapSecrets("user", b"secret of the user")
MUTUAL = ChapSecrets("user", b"secret of the user", "target", b"secret of the target")


class Random:
    """Bytes that differ each time and are the same in every run."""

    def __init__(self, start: int) -> None:
        self._numbers = count(start)

    def __call__(self, length: int) -> bytes:
        return hashlib.shake_256(next(self._numbers).to_bytes(4)).digest(length)


def ends(
    ours: ChapSecrets, theirs: ChapSecrets | None, algorithms: tuple[int, ...] = tuple(ALGORITHMS)
) -> tuple[ChapInitiator, ChapTarget]:
    return ChapInitiator(ours, Random(0), algorithms), ChapTarget(theirs, Random(1000))


def run(initiator: ChapInitiator, target: ChapTarget) -> None:
    """Pass keys to and fro until both ends are silent."""
    said = initiator.receive({})
    while said:
        said = initiator.receive(dict(target.receive(dict(said))))


@pytest.mark.parametrize("secrets", [ONE_WAY, MUTUAL], ids=["one way", "mutual"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_both_ends_are_sure(secrets: ChapSecrets, algorithm: int) -> None:
    initiator, target = ends(secrets, secrets, (algorithm,))

    run(initiator, target)

    assert (ChapState.DONE, ChapState.DONE) == (initiator.state, target.state)


def test_the_best_algorithm_is_offered_first() -> None:
    assert [("CHAP_A", "8,7,6,5")] == ends(ONE_WAY, ONE_WAY)[0].receive({})


@pytest.mark.parametrize(("algorithm", "digest"), [(5, "md5"), (6, "sha1"), (7, "sha256"), (8, "sha3_256")])
def test_the_response_is_a_hash_of_identifier_secret_and_challenge(algorithm: int, digest: str) -> None:
    """RFC 1994 4.1."""
    assert hashlib.new(digest, b"\x07secretchallenge").digest() == chap_response(
        algorithm, 7, b"secret", b"challenge"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        ChapSecrets("user", b"another"),
        ChapSecrets("other", b"secret of the user"),
        None,
    ],
    ids=["secret", "name", "nobody"],
)
def test_a_wrong_initiator_is_refused(wrong: ChapSecrets | None) -> None:
    with pytest.raises(LoginFailed, match="CHAP name 'user' or its secret is wrong") as caught:
        run(*ends(ONE_WAY, wrong))

    assert caught.value.status == LoginStatus.AUTHENTICATION_FAILURE


@pytest.mark.parametrize(
    "theirs",
    [
        ChapSecrets("user", b"secret of the user", "target", b"another"),
        ChapSecrets("user", b"secret of the user", "impostor", b"secret of the target"),
    ],
)
def test_a_wrong_target_is_refused(theirs: ChapSecrets) -> None:
    with pytest.raises(LoginFailed, match="did not prove"):
        run(*ends(MUTUAL, theirs))


def test_a_target_without_a_secret_cannot_prove_itself() -> None:
    with pytest.raises(LoginFailed, match="there is no secret for that"):
        run(*ends(MUTUAL, ONE_WAY))


def test_a_challenge_does_not_come_back() -> None:
    """RFC 7143 12.1.3: nobody solves its own riddle."""
    _, target = ends(MUTUAL, MUTUAL)
    asked = dict(target.receive({"CHAP_A": "5"}))
    answer = chap_response(5, int(asked["CHAP_I"]), MUTUAL.secret, bytes.fromhex(asked["CHAP_C"][2:]))

    with pytest.raises(LoginFailed, match="is the one it was sent"):
        target.receive(
            {"CHAP_N": "user", "CHAP_R": f"0x{answer.hex()}", "CHAP_I": "1", "CHAP_C": asked["CHAP_C"]}
        )


@pytest.mark.parametrize("offered", ["56", "", "5 ", "6x", "MD5"])
def test_no_algorithm_in_common(offered: str) -> None:
    with pytest.raises(LoginFailed, match="none of these algorithms"):
        ends(ONE_WAY, ONE_WAY)[1].receive({"CHAP_A": offered})


def test_an_algorithm_that_was_not_offered() -> None:
    initiator, _ = ends(ONE_WAY, ONE_WAY, (7,))
    initiator.receive({})

    with pytest.raises(LoginFailed, match="CHAP_A=5, which was not offered"):
        initiator.receive({"CHAP_A": "5", "CHAP_I": "1", "CHAP_C": "0x00"})


def test_missing_keys_and_wrong_values() -> None:
    _, target = ends(ONE_WAY, ONE_WAY)
    with pytest.raises(LoginFailed, match="CHAP_A is missing"):
        target.receive({})
    target.receive({"CHAP_A": "5"})
    with pytest.raises(LoginFailed, match="CHAP_R is missing"):
        target.receive({"CHAP_N": "user"})
    with pytest.raises(TextError):
        target.receive({"CHAP_N": "user", "CHAP_R": "secret"})

    initiator, _ = ends(ONE_WAY, ONE_WAY)
    initiator.receive({})
    with pytest.raises(TextError, match="CHAP_I=256"):
        initiator.receive({"CHAP_A": "5", "CHAP_I": "256", "CHAP_C": "0x00"})


def test_after_the_end_no_key_is_taken() -> None:
    initiator, target = ends(ONE_WAY, ONE_WAY)
    run(initiator, target)

    assert [] == initiator.receive({})
    with pytest.raises(LoginFailed, match="CHAP is over"):
        target.receive({"CHAP_A": "5"})


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(MUTUAL)
