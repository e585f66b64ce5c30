"""One connection of one initiator: from its first byte to its last.

Owns the way of PDUs from the stream to the login or the session, of tasks to the nexus, and of their
ends back. What is legal is the session's business, what a command does the nexus's.

Commands run here and now, on the loop: most take microseconds. One that takes long comes back as a
`RunningCommand` and goes to the portal's runner, which takes one step of each in turn.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import traceback
from typing import TYPE_CHECKING

from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.portal.management import lun_number, manage
from threepce.emulator.portal.stream import Stream
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.iscsi.bhs import LoginRequest
from threepce.scsi.iscsi.codes import AsyncEvent
from threepce.scsi.iscsi.errors import FramingError, LoginFailed
from threepce.scsi.iscsi.login import TargetLogin
from threepce.scsi.iscsi.pdu import Digests, Framer, Pdu, encode
from threepce.scsi.iscsi.target import Phase, TargetSession
from threepce.scsi.iscsi.tasks import Ended, Event, Management, Task
from threepce.scsi.nexus import Completion, NexusLost
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.portal.portal import Portal

__all__ = ["Connection"]

MOST_PDUS = 64
"""After so many the other connections have their turn."""
FLUSH_AT = 1 << 17
"""Bytes to collect before they are sent: enough for a gathering write to pay."""


BROKEN_MEDIUM = Completion(
    Status.CHECK_CONDITION,
    Sense(SenseKey.HARDWARE_ERROR, AdditionalSense.named("INTERNAL TARGET FAILURE")).encode(),
)


class Connection:
    """A connection, its login, and then its session."""

    def __init__(self, portal: Portal, sock: socket.socket, peer: str) -> None:
        self.portal = portal
        self.peer = peer
        self.name = peer
        self.opened = self.heard = portal.loop.time()
        self.session: TargetSession | None = None
        self.nexus: EmulatorNexus | None = None
        self.key: tuple[str, str, bytes] | None = None
        self.closed = False
        limits = portal.limits
        self._login: TargetLogin | None = TargetLogin(
            portal.rules.admit, limits.wanted(), random=secrets.token_bytes, new_tsih=portal.new_tsih
        )
        self._digests = Digests(crc=portal.crc)
        self._framer = Framer(digests=self._digests)
        self._scheduled = False
        self._local = sock.getsockname()
        self._timer: asyncio.TimerHandle | None = portal.loop.call_later(limits.login_time, self._too_slow)
        self._stream = Stream(
            sock, space=self._framer.space, filled=self._filled, drained=self._drained, lost=self.close
        )

    @property
    def unsent(self) -> int:
        """Bytes that the initiator has not taken yet."""
        return self._stream.unsent

    # Bytes.

    def _too_slow(self) -> None:
        self.close(f"no login within {self.portal.limits.login_time:g} s")

    def _filled(self, count: int) -> None:
        if count == 0:
            self.close("the initiator closed the connection")
            return
        self._framer.filled(count)
        self.heard = self.portal.loop.time()
        if not self._scheduled:
            self._advance()

    def _drained(self) -> None:
        if self.session is not None and self.session.phase is Phase.ENDED:
            self.close("done")
        elif not self._scheduled:
            self._advance()

    def _advance(self) -> None:
        """Take PDUs while there are any, and while the initiator takes what it is sent."""
        self._scheduled = False
        most = self.portal.limits.unsent
        try:
            for _ in range(MOST_PDUS):
                if self.closed:
                    return
                if self._stream.unsent > most:
                    self._stream.pause()
                    return
                pdu = self._framer.next_pdu()
                if pdu is None:
                    break
                self._take(pdu)
            else:
                self._scheduled = True
                self.portal.loop.call_soon(self._advance)
        except FramingError as error:
            self.close(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bug that one initiator meets must not end the others
            self.failed(error)
            return
        if not self.closed:
            self.flush()
            if not self._scheduled:
                self._stream.resume()

    def flush(self) -> None:
        """Send what the session has ready."""
        if self.session is not None and self.session.output:
            self._stream.send(self.session.take_output())

    # PDUs.

    def _take(self, pdu: Pdu) -> None:
        session = self.session
        if session is None:
            self._take_login(pdu)
            return
        for event in session.receive(pdu):
            self._do(event)
        if session.output_length > FLUSH_AT:
            self.flush()

    def _take_login(self, pdu: Pdu) -> None:
        header, login = pdu.decode(), self._login
        assert login is not None
        if not isinstance(header, LoginRequest) or pdu.ahs:
            self.close(f"opcode {pdu.opcode:02X}h before the login (RFC 7143 6.3)")
            return
        answers = login.receive(header, pdu.data)
        if login.result is not None and not login.result.identity.discovery:
            try:
                self.portal.admit_session(self, login.result)
            except LoginFailed as refused:
                answers = login.refuse(header, refused)
        if login.identity is not None:
            self.name = f"{login.identity.initiator_name} at {self.peer}"
        for response, data in answers:
            self._stream.send(encode(response, data))
        if login.failure is not None:
            self.close(str(login.failure))
        elif login.result is not None:
            self._begin(login)

    def _begin(self, login: TargetLogin) -> None:
        """The full feature phase: digests and lengths are now as agreed."""
        result, portal = login.result, self.portal
        assert result is not None
        assert self._timer is not None
        self._timer.cancel()
        self._timer = self._login = None
        parameters, identity, limits = result.parameters, result.identity, portal.limits
        self._digests.header, self._digests.data = parameters.header_digest, parameters.data_digest
        self._framer.max_data_segment_length = parameters.max_receive_segment_length
        self.session = TargetSession(
            result,
            self._digests,
            discover=lambda value: portal.rules.discover(identity, value, portal.address_for(self._local)),
            window=limits.queued_commands,
            maximum_write=limits.maximum_write,
            budget=limits.write_budget,
        )
        if not identity.discovery:
            self.nexus = portal.rules.open_nexus(identity)
            self.nexus.when_lost = self._dropped
        portal.say(
            f"{self.name}: {'discovery' if identity.discovery else 'session with ' + identity.target_name}"
        )

    # What the session wants done.

    def _do(self, event: Event) -> None:
        if isinstance(event, Task):
            self._run(event)
        elif isinstance(event, Management):
            assert self.session is not None
            for next_event in self.session.answer(event, manage(self, event)):
                self._do(next_event)
        else:
            self._finish(event)

    def _run(self, task: Task) -> None:
        nexus = self.nexus
        assert nexus is not None  # a discovery session has no tasks
        try:
            begun = nexus.begin(lun_number(task.lun), task.cdb, bytes(task.data_out), task.room)
        except NexusLost:  # by a fault, which has told `_dropped`
            return
        except OSError as error:  # the file of a medium: one unit is at fault, the rest goes on
            self.portal.say(
                f"{self.name}: LUN {lun_number(task.lun)}: {error}; look after the file of this unit"
            )
            begun = BROKEN_MEDIUM
        if isinstance(begun, Completion):
            self.complete(task, begun)
        else:
            self.portal.runner.add(self, task, begun)

    def complete(self, task: Task, completion: Completion) -> None:
        """Tell the initiator how a task ended; others that waited for it may run now."""
        session = self.session
        assert session is not None
        session.complete(task, completion.status, completion.sense, completion.data_in, completion.residual)
        if session.waiting:
            for event in session.released():
                self._do(event)

    def _finish(self, ended: Ended) -> None:
        self.flush()
        if not self._stream.unsent:
            self.close(ended.reason)
        else:
            self.portal.say(f"{self.name}: {ended.reason}")

    # The end.

    def ask_to_log_out(self, seconds: float) -> None:
        """Tell the initiator that the portal stops (RFC 7143 11.9.1)."""
        if self.session is None:
            self.close("the portal stops")
            return
        self.session.send_async(AsyncEvent.TARGET_REQUESTS_LOGOUT, 0, 0, max(1, round(seconds)))
        self.flush()

    def ping(self, tag: int) -> None:
        """See whether the initiator is still there; a ping it did not answer ends the connection."""
        if self.session is None:
            return
        if self.session.pings:
            self.close(f"no answer to a ping for {self.portal.limits.idle_time:g} s")
            return
        self.session.ping(tag)
        self.flush()

    def failed(self, error: Exception) -> None:
        """Something of ours broke: say what, and end this connection alone."""
        self.portal.say("".join(traceback.format_exception(error)))
        self.close(f"an error of the emulator: {error!r}")

    def _dropped(self, reason: str) -> None:
        """A fault took the nexus away: nothing more is answered. What runs now is not cut short."""
        self.portal.loop.call_soon(self.close, reason)

    def close(self, reason: str) -> None:
        """End the connection, and with it the session and the I_T nexus."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._stream.close()
        if self.session is not None:
            self.session.end(reason)
        self.portal.forget(self, reason)
        if self.nexus is not None:
            self.nexus.san.close_nexus(self.nexus)
