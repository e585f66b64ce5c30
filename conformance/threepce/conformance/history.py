"""The history of a run: what was sent, what came back, what was expected. Every report is a view.

A history is a sequence of events, one JSON object each, in ``history.jsonl``. The events of a case
say enough to judge it again without the engine and without the scenario file; ``verdict`` does
so. Data longer than 4 KiB is kept as its digest and its first bytes.

Events, by their ``event``: ``run`` (once), ``engine`` (facts of an engine), and for each case
``case``, then any of ``command``, ``data``, ``action``, ``feature``, ``trouble``, then ``end``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from threepce.scsi.nexus import Completion, Nexus, TransportError

__all__ = ["HISTORY_VERSION", "Event", "RecordingNexus", "data_of", "read_history", "write_event"]

HISTORY_VERSION = 1
LONGEST_KEPT = 4096
HEAD = 64

Event = dict[str, Any]
"""JSON data."""


def data_of(data: bytes) -> Event:
    """Bytes as JSON data: whole, or digest and beginning."""
    if len(data) <= LONGEST_KEPT:
        return {"length": len(data), "hex": data.hex()}
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest(), "head": data[:HEAD].hex()}


def write_event(event: Event) -> str:
    """The line of an event, without its end."""
    return json.dumps(event, separators=(",", ":"), sort_keys=False)


def read_history(path: Path) -> Iterator[Event]:
    """The events in a file. Raises ValueError with the line that is no event."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: not an event: {error.msg}") from None
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError(f"{path}:{number}: not an event: no key 'event'")
            yield event


def cases(events: Iterable[Event]) -> dict[tuple[str, str], list[Event]]:
    """The events of each case, by case and engine, in the order in which the cases ran."""
    found: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        if "case" in event:
            found.setdefault((event["case"], event["engine"]), []).append(event)
    return found


class RecordingNexus:
    """A nexus that notes every command that goes through it.

    `purpose` says what the commands are for: ``step``, or one of ``drain``, ``feature``,
    ``identify``, ``fill``, ``check`` for the harness's own.
    """

    def __init__(self, nexus: Nexus, events: list[Event], initiator: str | None = None) -> None:
        self.inner = nexus
        self.events = events
        self.purpose = "step"
        self._initiator = initiator

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """Send one command and note it; see `Nexus.execute`."""
        event = self._begun(lun, cdb, data_out, data_in_length)
        started = time.perf_counter()
        try:
            completion = self.inner.execute(lun, cdb, data_out, data_in_length, timeout=timeout)
        except TransportError as error:
            event["transport_error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            event["seconds"] = round(time.perf_counter() - started, 6)
        _ended(event, completion)
        return completion

    def note(
        self, lun: int, cdb: bytes, data_out: bytes, data_in_length: int, completion: Completion
    ) -> Event:
        """Note a command that went another way and has ended."""
        event = self._begun(lun, cdb, data_out, data_in_length)
        _ended(event, completion)
        return event

    def _begun(self, lun: int, cdb: bytes, data_out: bytes, data_in_length: int) -> Event:
        event: Event = {
            "event": "command",
            "purpose": self.purpose,
            "lun": lun,
            "cdb": bytes(cdb).hex(),
            "data_out": data_of(data_out),
            "data_in_length": data_in_length,
        }
        if self._initiator is not None:
            event["initiator"] = self._initiator
        self.events.append(event)
        return event


def _ended(event: Event, completion: Completion) -> None:
    event["status"] = int(completion.status)
    event["sense"] = completion.sense.hex()
    event["data_in"] = data_of(completion.data_in)
    event["residual"] = completion.residual
