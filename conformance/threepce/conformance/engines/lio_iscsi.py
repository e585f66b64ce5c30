"""A real LIO behind its own iSCSI portal as an engine under test.

The lab and its units are those of the engine lio; only the way there is another. A lab whose guest
dies takes the session with it, and the next case has a new one of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from threepce.agent.transports.iscsi import IscsiNexus
from threepce.conformance.engines.agreed import agreed
from threepce.conformance.engines.lio import LioEngine
from threepce.scsi.nexus import Nexus

if TYPE_CHECKING:
    from threepce.conformance.lab import Lab

__all__ = ["LioIscsiEngine"]


class LioIscsiEngine(LioEngine):
    """The LIO of a lab, through its portal."""

    KIND: ClassVar[str] = "lio+iscsi"
    _session: IscsiNexus | None = None

    def _nexus(self, lab: Lab) -> Nexus:
        if self._session is None:
            url = f"{lab.open_portal()}/0"
            # LIO pings an initiator that says nothing for 15 s, and drops it when it does not answer.
            # What runs between two cases on this engine may well take longer.
            self._session = IscsiNexus(url, connect=lab.connect, reconnect=True)
            self._facts["iscsi"] = agreed(self._session.parameters)
        return self._session

    def close(self) -> None:
        """End session and lab."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        super().close()
