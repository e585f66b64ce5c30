"""The initiator's end of the login phase (RFC 7143 6.3).

Owns what an initiator says and accepts; the order of stages is the table in `login`.

    login = InitiatorLogin(
        initiator_name="iqn.2026-01.example:host", target_name="iqn.2026-01.example:disk",
        isid=bytes(6), wanted={"ImmediateData": True}, secrets=None, random=secrets.token_bytes)
    send(encode(*login.start()))
    ...for each Login Response:
        for header, data in login.receive(response, pdu.data):     # raises LoginFailed
            send(encode(header, data))
    login.result                # not None: the full feature phase begins

An empty `target_name` makes a discovery session.
"""

from __future__ import annotations

from collections.abc import Mapping

from threepce.scsi.iscsi.bhs import LoginRequest, LoginResponse
from threepce.scsi.iscsi.chap import AUTHENTICATION_KEYS, ChapInitiator, ChapSecrets, ChapState, Random
from threepce.scsi.iscsi.codes import LoginStatus, Stage
from threepce.scsi.iscsi.errors import LoginFailed, RemoteProtocolError
from threepce.scsi.iscsi.keys import Role, Value
from threepce.scsi.iscsi.login import TRANSITIONS, Identity, LoginResult
from threepce.scsi.iscsi.negotiation import Negotiation
from threepce.scsi.iscsi.text import Pair, TextCollector, encode_text, without_repeats

__all__ = ["InitiatorLogin", "LoginRedirected"]


OFFERED_ALGORITHMS = (8, 6, 5, 7)
"""CHAP algorithms in the order of our liking. SHA-256 comes last although it is a good one: tgt and
its kin have SHA-1 under that number, pick it from what is offered, and then refuse every answer.
"""


class LoginRedirected(LoginFailed):
    """The target is elsewhere: `address` is its TargetAddress (RFC 7143 11.13.5, class 1)."""

    def __init__(self, status: int, address: str) -> None:
        super().__init__(status, f"the target has moved to {address or 'an address it does not tell'}")
        self.address = address


class InitiatorLogin:
    """The initiator's end of one login.

    `wanted` has the value, or the acceptable list, of each key to offer; MaxRecvDataSegmentLength
    among them declares how much data a PDU to us may have. Raises ValueError for what is no key.
    """

    def __init__(
        self,
        *,
        initiator_name: str,
        target_name: str,
        isid: bytes,
        wanted: Mapping[str, Value],
        secrets: ChapSecrets | None,
        random: Random,
        alias: str = "",
        tsih: int = 0,
        cid: int = 0,
        cmd_sn: int = 1,
        task_tag: int = 0,
    ) -> None:
        self.identity = Identity(
            initiator_name=initiator_name,
            target_name=target_name,
            discovery=not target_name,
            isid=isid,
            tsih=tsih,
            cid=cid,
            initiator_alias=alias,
        )
        self._secrets = secrets
        self._chap = None if secrets is None else ChapInitiator(secrets, random, OFFERED_ALGORITHMS)
        self._negotiation = Negotiation(Role.INITIATOR, wanted)
        self._negotiation.discovery = not target_name
        self._collector = TextCollector()
        self._cmd_sn, self._task_tag = cmd_sn, task_tag
        self._exp_stat_sn = 0
        self._method = ""
        self._offered = False
        self._transit = False
        self._asked_more = False
        self.stage = Stage.SECURITY
        self.result: LoginResult | None = None

    def start(self) -> tuple[LoginRequest, bytes]:
        """The first request."""
        identity = self.identity
        said: list[Pair] = [("InitiatorName", identity.initiator_name)]
        if identity.initiator_alias:
            said.append(("InitiatorAlias", identity.initiator_alias))
        said.append(("SessionType", "Discovery" if identity.discovery else "Normal"))
        if not identity.discovery:
            said.append(("TargetName", identity.target_name))
        if self._secrets is None:
            said.append(("AuthMethod", "None"))
        else:
            # Who wants the target to prove itself does not offer to go without.
            said.append(("AuthMethod", "CHAP" if self._secrets.is_mutual else "CHAP,None"))
        return self._request(said, transit=self._secrets is None)

    def receive(self, response: LoginResponse, data: bytes) -> list[tuple[LoginRequest, bytes]]:
        """Go on after one response; nothing to send when the login is over.

        Raises LoginFailed when the target refuses, and RemoteProtocolError.
        """
        if self.result is not None:
            raise RemoteProtocolError("a Login Response after the login (RFC 7143 6.3)")
        pairs = self._read(response, data)
        self._exp_stat_sn = response.stat_sn + 1 & 0xFFFFFFFF
        if pairs is None:
            self._asked_more = True
            return [self._request([], transit=False)]
        self._asked_more = False
        answers = self._take(pairs)
        if response.transit:
            self._advance(response)
            if self.result is not None:
                return []
        if self.stage is Stage.OPERATIONAL:
            if not self._offered:
                self._offered = True
                answers += self._negotiation.offer()
            return [self._request(answers, transit=True)]
        # What the target still owes us it sends with its T bit; one more empty request from us makes
        # LIO end the login (RFC 7143 6.3.2).
        said_all = self._chap is not None and self._chap.state is ChapState.RESPONSE
        return [self._request(answers, transit=said_all or self._authenticated())]

    def _read(self, response: LoginResponse, data: bytes) -> list[Pair] | None:
        status = response.status_class << 8 | response.status_detail
        if response.status_class:
            if response.status_class == 1:
                pairs = self._collector.add(data, more=False) or []
                raise LoginRedirected(status, dict(pairs).get("TargetAddress", ""))
            raise LoginFailed(status, f"the target refuses {self.identity.initiator_name}")
        if response.initiator_task_tag != self._task_tag:
            raise RemoteProtocolError("a Login Response with another task tag (RFC 7143 11.13)")
        if response.version_active:
            raise LoginFailed(
                LoginStatus.UNSUPPORTED_VERSION, f"the target speaks version {response.version_active}"
            )
        if response.current_stage != self.stage:
            raise RemoteProtocolError(
                f"CSG is {response.current_stage} in stage {self.stage:d} (RFC 7143 11.13)"
            )
        if response.transit and (response.continues or not self._transit):
            raise RemoteProtocolError("the target goes on to a stage it was not asked to (RFC 7143 11.13.2)")
        return self._collector.add(data, more=response.continues)

    def _take(self, pairs: list[Pair]) -> list[Pair]:
        keys = without_repeats(pairs)
        security = {name: text for name, text in keys.items() if name in AUTHENTICATION_KEYS}
        method = keys.get("AuthMethod")
        answers = self._negotiation.receive(
            (name, text) for name, text in pairs if name not in security and name != "AuthMethod"
        )
        if method is not None:
            self._choose(method)
        if self._method == "CHAP" and self._chap is not None:
            if self._chap.state is not ChapState.DONE:
                answers += self._chap.receive(security)
        elif security:
            raise RemoteProtocolError("CHAP keys where CHAP was not agreed (RFC 7143 12.1.3)")
        return answers

    def _choose(self, method: str) -> None:
        offered = (
            {"None"} if self._secrets is None else {"CHAP"} if self._secrets.is_mutual else {"CHAP", "None"}
        )
        if self._method or method not in offered:
            raise LoginFailed(
                LoginStatus.AUTHENTICATION_FAILURE,
                f"the target answers AuthMethod={method[:64]}, offered was {' or '.join(sorted(offered))}",
            )
        self._method = method

    def _authenticated(self) -> bool:
        if self._chap is None or self._method == "None":
            return True
        return self._chap.state is ChapState.DONE

    def _advance(self, response: LoginResponse) -> None:
        if response.next_stage not in TRANSITIONS[self.stage] or response.next_stage != self._next_stage():
            raise RemoteProtocolError(
                f"NSG {response.next_stage} does not follow stage {self.stage:d} (RFC 7143 6.3)"
            )
        if not self._authenticated():
            raise LoginFailed(LoginStatus.AUTHENTICATION_FAILURE, "the target goes on without CHAP")
        self.stage = Stage(response.next_stage)
        if self.stage is Stage.FULL_FEATURE:
            self.result = LoginResult(
                identity=self.identity,
                tsih=response.tsih,
                parameters=self._negotiation.parameters(),
                cmd_sn=self._cmd_sn,
                stat_sn=self._exp_stat_sn,
            )

    def _next_stage(self) -> Stage:
        return Stage.OPERATIONAL if self.stage is Stage.SECURITY else Stage.FULL_FEATURE

    def _request(self, said: list[Pair], *, transit: bool) -> tuple[LoginRequest, bytes]:
        self._transit = transit
        request = LoginRequest(
            final=transit,
            current_stage=self.stage,
            next_stage=self._next_stage() if transit else Stage.SECURITY,
            isid=self.identity.isid,
            tsih=self.identity.tsih,
            initiator_task_tag=self._task_tag,
            cid=self.identity.cid,
            cmd_sn=self._cmd_sn,
            exp_stat_sn=self._exp_stat_sn,
        )
        return request, encode_text(said)
