"""CHAP, one-way and mutual, for both ends (RFC 7143 12.1.3, RFC 1994).

Owns the keys CHAP_A, CHAP_N, CHAP_R, CHAP_I and CHAP_C. Randomness is an argument, so that a test
can repeat an exchange; whoever gives it must take it from a source that nobody can guess.

Theory. The target asks, the initiator proves, and if it wants proof in return it asks with its answer:

    initiator                                    target
    AuthMethod=CHAP,None          ------------>
                                  <------------  AuthMethod=CHAP
    CHAP_A=8,7,6,5                ------------>                       ALGORITHM
                                  <------------  CHAP_A=7 CHAP_I=.. CHAP_C=..
    CHAP_N=.. CHAP_R=..           ------------>                       RESPONSE
      [CHAP_I=.. CHAP_C=..]       <------------  [CHAP_N=.. CHAP_R=..]
                                                                      DONE

Each end is in one of these states; a key that its state does not wait for ends the login, and so
does an answer that does not fit the secret. A challenge that comes back as it went out is refused
(RFC 7143 12.1.3): otherwise one end could let the other solve its own riddle.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.errors import LoginFailed, TextError
from threepce.scsi.iscsi.text import Pair, decode_binary, decode_number, encode_binary

__all__ = [
    "ALGORITHMS",
    "AUTHENTICATION_KEYS",
    "ChapInitiator",
    "ChapSecrets",
    "ChapState",
    "ChapTarget",
    "Random",
    "chap_response",
]

ALGORITHMS: Mapping[int, Callable[[bytes], bytes]] = {
    8: lambda data: hashlib.sha3_256(data).digest(),
    7: lambda data: hashlib.sha256(data).digest(),
    6: lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    5: lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}
"""Hash functions by their number in CHAP_A, the best first (RFC 7143 12.1.3)."""

CHALLENGE_LENGTH = 32
AUTHENTICATION_KEYS = frozenset({"CHAP_A", "CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"})

Random = Callable[[int], bytes]
"""So many random bytes, for example `secrets.token_bytes`."""


@dataclass(frozen=True, slots=True)
class ChapSecrets:
    """Names and secrets: of the initiator, and of the target where it must prove itself too."""

    name: str
    secret: bytes
    target_name: str = ""
    target_secret: bytes = b""

    @property
    def is_mutual(self) -> bool:
        """Whether the target has a secret too."""
        return bool(self.target_secret)

    def __repr__(self) -> str:
        return f"ChapSecrets(name={self.name!r}, target_name={self.target_name!r})"


class ChapState(Enum):
    """What an end waits for."""

    METHOD = "method"
    ALGORITHM = "algorithm"
    RESPONSE = "response"
    DONE = "done"


def chap_response(algorithm: int, identifier: int, secret: bytes, challenge: bytes) -> bytes:
    """The answer to a challenge (RFC 1994 4.1)."""
    return ALGORITHMS[algorithm](bytes((identifier,)) + secret + challenge)


def _failed(text: str) -> LoginFailed:
    return LoginFailed(LoginStatus.AUTHENTICATION_FAILURE, text)


def _need(keys: Mapping[str, str], *names: str) -> list[str]:
    for name in names:
        if name not in keys:
            raise LoginFailed(LoginStatus.MISSING_PARAMETER, f"the key {name} is missing")
    return [keys[name] for name in names]


def _identifier(text: str) -> int:
    number = decode_number(text)
    if number > 255:
        raise TextError(f"CHAP_I={number} is more than 255 (RFC 7143 12.1.3)")
    return number


class ChapTarget:
    """The target's end. `secrets` is None for an initiator that has none: no answer will fit."""

    def __init__(self, secrets: ChapSecrets | None, random: Random) -> None:
        self._secrets = secrets
        self._random = random
        self.state = ChapState.ALGORITHM
        self._algorithm = 0
        self._identifier = 0
        self._challenge = b""

    def receive(self, keys: Mapping[str, str]) -> list[Pair]:
        """Answer the keys of one request. Raises LoginFailed, TextError."""
        if self.state is ChapState.ALGORITHM:
            return self._ask(keys)
        if self.state is ChapState.RESPONSE:
            return self._judge(keys)
        raise _failed("CHAP is over, its keys came again")

    def _ask(self, keys: Mapping[str, str]) -> list[Pair]:
        (offered,) = _need(keys, "CHAP_A")
        known = {str(number): number for number in ALGORITHMS}
        chosen = next((known[item] for item in offered.split(",") if item in known), None)
        if chosen is None:
            raise _failed(
                f"CHAP_A={offered[:64]}: none of these algorithms is one of {', '.join(known)} (RFC 7143 12.1.3)"
            )
        self._algorithm = chosen
        self._identifier = self._random(1)[0]
        self._challenge = self._random(CHALLENGE_LENGTH)
        self.state = ChapState.RESPONSE
        return [
            ("CHAP_A", str(chosen)),
            ("CHAP_I", str(self._identifier)),
            ("CHAP_C", encode_binary(self._challenge)),
        ]

    def _judge(self, keys: Mapping[str, str]) -> list[Pair]:
        name, response = _need(keys, "CHAP_N", "CHAP_R")
        secrets = self._secrets or ChapSecrets("", self._random(CHALLENGE_LENGTH))
        expected = chap_response(self._algorithm, self._identifier, secrets.secret, self._challenge)
        fits = hmac.compare_digest(decode_binary(response), expected)
        if not fits or self._secrets is None or name != secrets.name:
            raise _failed(f"the CHAP name {name[:64]!r} or its secret is wrong")
        self.state = ChapState.DONE
        if "CHAP_I" not in keys and "CHAP_C" not in keys:
            return []
        return self._prove(keys, secrets)

    def _prove(self, keys: Mapping[str, str], secrets: ChapSecrets) -> list[Pair]:
        identifier, challenge = _need(keys, "CHAP_I", "CHAP_C")
        asked = decode_binary(challenge)
        if asked == self._challenge:
            raise _failed("the initiator's challenge is the one it was sent")
        if not secrets.is_mutual:
            raise _failed("the initiator wants the target to prove itself, but there is no secret for that")
        answer = chap_response(self._algorithm, _identifier(identifier), secrets.target_secret, asked)
        return [("CHAP_N", secrets.target_name), ("CHAP_R", encode_binary(answer))]


class ChapInitiator:
    """The initiator's end; asks the target to prove itself where `secrets` are mutual."""

    def __init__(
        self, secrets: ChapSecrets, random: Random, algorithms: tuple[int, ...] = tuple(ALGORITHMS)
    ) -> None:
        self._secrets = secrets
        self._random = random
        self._algorithms = algorithms
        self.state = ChapState.METHOD
        self._algorithm = 0
        self._identifier = 0
        self._challenge = b""

    def receive(self, keys: Mapping[str, str]) -> list[Pair]:
        """Answer the keys of one response. Raises LoginFailed, TextError."""
        if self.state is ChapState.METHOD:
            self.state = ChapState.ALGORITHM
            return [("CHAP_A", ",".join(str(number) for number in self._algorithms))]
        if self.state is ChapState.ALGORITHM:
            return self._answer(keys)
        if self.state is ChapState.RESPONSE:
            self._judge(keys)
        return []

    def _answer(self, keys: Mapping[str, str]) -> list[Pair]:
        chosen, identifier, challenge = _need(keys, "CHAP_A", "CHAP_I", "CHAP_C")
        if chosen not in [str(number) for number in self._algorithms]:
            raise _failed(f"the target chose CHAP_A={chosen[:64]}, which was not offered")
        self._algorithm = int(chosen)
        asked = decode_binary(challenge)
        answer = chap_response(self._algorithm, _identifier(identifier), self._secrets.secret, asked)
        said = [("CHAP_N", self._secrets.name), ("CHAP_R", encode_binary(answer))]
        self.state = ChapState.DONE
        if not self._secrets.is_mutual:
            return said
        self._identifier = self._random(1)[0]
        self._challenge = self._random(CHALLENGE_LENGTH)
        self.state = ChapState.RESPONSE
        return [*said, ("CHAP_I", str(self._identifier)), ("CHAP_C", encode_binary(self._challenge))]

    def _judge(self, keys: Mapping[str, str]) -> None:
        name, response = _need(keys, "CHAP_N", "CHAP_R")
        expected = chap_response(
            self._algorithm, self._identifier, self._secrets.target_secret, self._challenge
        )
        if not hmac.compare_digest(decode_binary(response), expected) or name != self._secrets.target_name:
            raise _failed(f"the target, as {name[:64]!r}, did not prove that it knows its secret")
        self.state = ChapState.DONE
