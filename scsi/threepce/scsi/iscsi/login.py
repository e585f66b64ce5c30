r"""The login phase: what both ends share, and the target's end (RFC 7143 6.3, 11.12, 11.13).

Owns the order of stages and what a login ends with. Keys are `negotiation`, authentication is
`chap`; the initiator's end is `login_initiator`.

    login = TargetLogin(admit, wanted, random=secrets.token_bytes, new_tsih=lambda: 1)
    for header, data in login.receive(request, pdu.data):
        send(encode(header, data))
    if login.failure: close            # the refusal has just been sent
    if login.result: ...               # the full feature phase begins

Theory. A login is a conversation in stages. The initiator says with CSG in which stage it is, and
with T that it would go on to NSG; the target goes along by setting T too, or stays where it is.
`TRANSITIONS` has every step there is. Between the first request and the last answer nothing
but login PDUs of this one task is legal, and there is one answer to each request.

    (start) --CSG=0--> SECURITY --T--> OPERATIONAL --T--> FULL FEATURE
       |                   \------------------T------------^
       \-----CSG=1-------------------> OPERATIONAL

An end that must be sure of the other leaves SECURITY only after CHAP is done, and a target that must
be sure takes no login that begins with OPERATIONAL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from threepce.scsi.iscsi.bhs import LoginRequest, LoginResponse
from threepce.scsi.iscsi.chap import AUTHENTICATION_KEYS, ChapSecrets, ChapState, ChapTarget, Random
from threepce.scsi.iscsi.codes import LoginStatus, Stage
from threepce.scsi.iscsi.errors import LoginFailed, RemoteProtocolError
from threepce.scsi.iscsi.keys import NO_VALUE, Role, Value
from threepce.scsi.iscsi.negotiation import Negotiation, Parameters
from threepce.scsi.iscsi.pdu import DEFAULT_SEGMENT_LENGTH
from threepce.scsi.iscsi.text import Pair, TextCollector, encode_text, parts

__all__ = [
    "TRANSITIONS",
    "Admission",
    "Admit",
    "Identity",
    "LoginResult",
    "TargetLogin",
]

TRANSITIONS: Mapping[Stage | None, frozenset[Stage]] = {
    None: frozenset({Stage.SECURITY, Stage.OPERATIONAL}),
    Stage.SECURITY: frozenset({Stage.OPERATIONAL, Stage.FULL_FEATURE}),
    Stage.OPERATIONAL: frozenset({Stage.FULL_FEATURE}),
    Stage.FULL_FEATURE: frozenset(),
}
"""The stages that may follow each stage; None is before the first request."""

MAXIMUM_NAME = 223
MOST_REQUESTS = 64
"""A login that takes more than this is going nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who wants in, and to what. `target_name` is empty for a discovery session."""

    initiator_name: str
    target_name: str
    discovery: bool
    isid: bytes
    tsih: int
    cid: int
    initiator_alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a target asks of an initiator.

    With `authenticate` it must prove itself; `secrets` without it serve an initiator that wants to.
    """

    authenticate: bool = False
    secrets: ChapSecrets | None = None
    portal_group_tag: int = 1
    alias: str = ""


Admit = Callable[[Identity], Admission]
"""Decides about an initiator. Raises LoginFailed to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginResult:
    """A login that succeeded. `cmd_sn` is the next command's; `stat_sn` the next status's."""

    identity: Identity
    tsih: int
    parameters: Parameters
    cmd_sn: int
    stat_sn: int


class TargetLogin:
    """The target's end of one login."""

    def __init__(
        self, admit: Admit, wanted: Mapping[str, Value], *, random: Random, new_tsih: Callable[[], int]
    ) -> None:
        self._admit = admit
        self._random = random
        self._new_tsih = new_tsih
        self._negotiation = Negotiation(Role.TARGET, wanted)
        self._collector = TextCollector()
        self._chap: ChapTarget | None = None
        self._admission: Admission | None = None
        self._unsent: list[bytes] = []
        self._first: LoginRequest | None = None
        self._requests = 0
        self.identity: Identity | None = None
        self.stage: Stage | None = None
        self.stat_sn = 1
        self.result: LoginResult | None = None
        self.failure: LoginFailed | None = None

    @property
    def finished(self) -> bool:
        """Whether there is a result or a failure."""
        return self.result is not None or self.failure is not None

    def receive(self, request: LoginRequest, data: bytes) -> list[tuple[LoginResponse, bytes]]:
        """Answer one request. A login that fails says so in `failure`, and in the answer."""
        if self.finished:
            raise RemoteProtocolError("a Login Request after the login (RFC 7143 6.3)")
        try:
            return [self._receive(request, data)]
        except LoginFailed as failed:
            self.failure = failed
        except RemoteProtocolError as error:
            self.failure = LoginFailed(LoginStatus.INITIATOR_ERROR, str(error))
        return [self._refusal(request, self.failure)]

    def refuse(self, request: LoginRequest, failure: LoginFailed) -> list[tuple[LoginResponse, bytes]]:
        """End the login for a reason of the caller's."""
        self.failure = failure
        return [self._refusal(request, failure)]

    def _receive(self, request: LoginRequest, data: bytes) -> tuple[LoginResponse, bytes]:
        self._check_header(request)
        if self._unsent:
            if data or request.transit or request.continues:
                raise RemoteProtocolError("a Login Request with text before ours was whole (RFC 7143 6.2)")
            return self._reply(request, self._unsent.pop(0), transit=False)
        pairs = self._collector.add(data, more=request.continues)
        if pairs is None:
            return self._reply(request, b"", transit=False)
        answers = self._take(pairs)
        ready = request.transit and self._ready(request)
        pieces = parts(encode_text(answers), DEFAULT_SEGMENT_LENGTH)
        self._unsent = pieces[1:]
        return self._reply(request, pieces[0], transit=ready and not self._unsent)

    def _check_header(self, request: LoginRequest) -> None:
        first = self._first
        if first is None:
            self._first = first = request
            if request.version_min > 0:
                raise LoginFailed(
                    LoginStatus.UNSUPPORTED_VERSION, f"version {request.version_min} is asked for"
                )
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            raise RemoteProtocolError(f"a login of more than {MOST_REQUESTS} requests")
        for name in ("isid", "tsih", "cid", "initiator_task_tag"):
            if getattr(first, name) != getattr(request, name):
                raise RemoteProtocolError(
                    f"{LoginRequest.TITLES[name]} changes during the login (RFC 7143 11.12)"
                )
        if request.transit and request.continues:
            raise RemoteProtocolError("T and C are both set (RFC 7143 11.12.2)")
        self._check_stage(request)

    def _check_stage(self, request: LoginRequest) -> None:
        if self.stage is None:
            if request.current_stage not in TRANSITIONS[None]:
                raise RemoteProtocolError(f"a login begins with CSG {request.current_stage} (RFC 7143 6.3)")
            self.stage = Stage(request.current_stage)
        if request.current_stage != self.stage:
            raise RemoteProtocolError(
                f"CSG is {request.current_stage} in stage {self.stage:d} (RFC 7143 11.12.3)"
            )
        if request.transit and request.next_stage not in TRANSITIONS[self.stage]:
            raise RemoteProtocolError(
                f"NSG {request.next_stage} does not follow stage {self.stage:d} (RFC 7143 11.12.3)"
            )

    def _take(self, pairs: list[Pair]) -> list[Pair]:
        """The answers to the text of one request."""
        keys = dict(pairs)
        security = {name: keys[name] for name in keys if name in AUTHENTICATION_KEYS}
        method = keys.get("AuthMethod")
        others = [(name, text) for name, text in pairs if name not in security and name != "AuthMethod"]
        answers = self._negotiation.receive(others)
        if self._admission is None:
            answers += self._identify()
        if self.stage is Stage.SECURITY:
            answers += self._authenticate(method, security)
        elif security or method is not None:
            raise RemoteProtocolError("security keys outside the security stage (RFC 7143 6.3.2)")
        else:
            answers += self._negotiation.offer(only_declarations=True)
        return answers

    def _identify(self) -> list[Pair]:
        """Find out from the first text who it is; what the target says of itself in return."""
        assert self._first is not None
        declared = {name: str(value) for name, value in self._negotiation.declared.items()}
        session_type = declared.get("SessionType", "Normal")
        if session_type not in ("Normal", "Discovery"):
            raise LoginFailed(LoginStatus.SESSION_TYPE_NOT_SUPPORTED, f"SessionType={session_type[:64]}")
        discovery = session_type == "Discovery"
        name, target = declared.get("InitiatorName", ""), declared.get("TargetName", "")
        if not 0 < len(name.encode()) <= MAXIMUM_NAME:
            raise LoginFailed(LoginStatus.MISSING_PARAMETER, "there is no InitiatorName")
        if not discovery and not target:
            raise LoginFailed(LoginStatus.MISSING_PARAMETER, "there is no TargetName")
        self._negotiation.discovery = discovery
        self.identity = Identity(
            initiator_name=name,
            target_name="" if discovery else target,
            discovery=discovery,
            isid=self._first.isid,
            tsih=self._first.tsih,
            cid=self._first.cid,
            initiator_alias=declared.get("InitiatorAlias", ""),
        )
        self._admission = admission = self._admit(self.identity)
        if admission.authenticate and self.stage is not Stage.SECURITY:
            raise LoginFailed(
                LoginStatus.AUTHENTICATION_FAILURE, f"{name} must authenticate and begins without it"
            )
        if discovery:
            return []
        said = [self._negotiation.tell("TargetPortalGroupTag", admission.portal_group_tag)]
        if admission.alias:
            said.append(self._negotiation.tell("TargetAlias", admission.alias))
        return said

    def _authenticate(self, method: str | None, keys: Mapping[str, str]) -> list[Pair]:
        assert self._admission is not None
        answers: list[Pair] = []
        if method is not None:
            if self._chap is not None:
                raise RemoteProtocolError("AuthMethod is negotiated twice (RFC 7143 6.3)")
            offered, admission = method.split(","), self._admission
            # Secrets that are not asked for still serve an initiator that will not go without.
            willing = admission.secrets is not None and "None" not in offered
            chosen = "CHAP" if admission.authenticate or willing else "None"
            if method in NO_VALUE or chosen not in offered:
                raise LoginFailed(
                    LoginStatus.AUTHENTICATION_FAILURE,
                    f"AuthMethod={method[:64]} is offered, {chosen} is needed here",
                )
            answers.append(("AuthMethod", chosen))
            if chosen == "CHAP":
                self._chap = ChapTarget(self._admission.secrets, self._random)
        if keys:
            if self._chap is None:
                raise RemoteProtocolError("CHAP keys before AuthMethod=CHAP (RFC 7143 12.1.3)")
            answers += self._chap.receive(keys)
        return answers

    def _ready(self, request: LoginRequest) -> bool:
        """Whether the target goes along to the next stage; a way past CHAP ends the login."""
        assert self._admission is not None
        if self.stage is Stage.SECURITY and self._admission.authenticate:
            if self._chap is None:
                raise LoginFailed(LoginStatus.AUTHENTICATION_FAILURE, "the initiator does not authenticate")
            return self._chap.state is ChapState.DONE
        return True

    def _reply(self, request: LoginRequest, data: bytes, *, transit: bool) -> tuple[LoginResponse, bytes]:
        assert self.stage is not None
        current, tsih = self.stage, request.tsih
        if transit:
            self.stage = Stage(request.next_stage)
            if self.stage is Stage.FULL_FEATURE:
                parameters = self._negotiation.parameters()
                tsih = self._new_tsih()
                assert self.identity is not None
                self.result = LoginResult(
                    identity=self.identity,
                    tsih=tsih,
                    parameters=parameters,
                    cmd_sn=request.cmd_sn,
                    stat_sn=self.stat_sn + 1,
                )
        response = LoginResponse(
            final=transit,
            continues=bool(self._unsent) and not transit,
            current_stage=current,
            next_stage=self.stage if transit else Stage.SECURITY,
            isid=request.isid,
            tsih=tsih,
            initiator_task_tag=request.initiator_task_tag,
            stat_sn=self.stat_sn,
            exp_cmd_sn=request.cmd_sn,
            max_cmd_sn=request.cmd_sn,
        )
        self.stat_sn += 1
        return response, data

    def _refusal(self, request: LoginRequest, failure: LoginFailed) -> tuple[LoginResponse, bytes]:
        return LoginResponse(
            current_stage=request.current_stage,
            isid=request.isid,
            tsih=request.tsih,
            initiator_task_tag=request.initiator_task_tag,
            stat_sn=self.stat_sn,
            exp_cmd_sn=request.cmd_sn,
            max_cmd_sn=request.cmd_sn,
            status_class=failure.status >> 8,
            status_detail=failure.status & 0xFF,
        ), b""
