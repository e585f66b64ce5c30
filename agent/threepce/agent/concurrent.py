"""Several copies at once: a thread for each, held back by what engines and nexuses allow.

An engine takes no more copies than its TOTAL and MAXIMUM CONCURRENT COPIES say; it is known by the
nexus and the logical unit that its commands go to, and by its name. A nexus is for one copy at a
time, and so is each nexus of the sources and the destination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock, Semaphore
from typing import TYPE_CHECKING

from threepce.agent.errors import AgentError
from threepce.agent.preparing import PreparedCopy
from threepce.agent.report import CopyReport, Progress
from threepce.agent.request import Device
from threepce.scsi.nexus import Nexus, TransportError

if TYPE_CHECKING:
    from threepce.agent.agent import CopyAgent

__all__ = ["run_concurrently"]

Outcome = CopyReport | AgentError | TransportError


def run_concurrently(
    agent: CopyAgent,
    copies: Sequence[PreparedCopy],
    progress: Callable[[int, Progress], object] | None,
    cancelled: Callable[[], bool] | None,
) -> list[Outcome]:
    """What became of each copy, in their order."""
    engines: dict[str, Semaphore] = {}
    nexuses: dict[int, Lock] = {}
    for copy in copies:
        engines.setdefault(copy.request.manager.name, Semaphore(copy.engine.concurrent_copies()))
        for nexus in _nexuses(copy):
            nexuses.setdefault(id(nexus), Lock())

    def run(index: int) -> Outcome:
        copy = copies[index]

        def tell(done: Progress) -> None:
            if progress is not None:
                progress(index, done)

        with ExitStack() as held:
            # Always in the same order, nexuses first: so no two wait for one another.
            for key in sorted({id(nexus) for nexus in _nexuses(copy)}):
                held.enter_context(nexuses[key])
            held.enter_context(engines[copy.request.manager.name])
            try:
                return agent.run(copy, progress=tell, cancelled=cancelled)
            except (AgentError, TransportError) as error:
                return error

    if not copies:
        return []
    with ThreadPoolExecutor(max_workers=len(copies)) as pool:
        return list(pool.map(run, range(len(copies))))


def _nexuses(copy: PreparedCopy) -> Iterator[Nexus]:
    yield copy.request.manager.nexus
    for unit in (*copy.sources, copy.destination):
        device: Device | None = unit.end.device if unit is not None else None
        if device is not None:
            yield device.nexus
