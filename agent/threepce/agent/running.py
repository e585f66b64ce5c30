"""A prepared copy on its way: Fig. 7 steps 714 to 726, and what comes after a failure.

Position. After each command the report says where to go on. After a failure of block to block
copies that is the segment which failed: those before it are done, and copying a block again changes
nothing. A tape has moved, by how much is not known for certain; so where each stood is asked before
each command, and after a failure it goes back there, to the start of the command that failed.

`fallback="host"`: what the copy manager refuses or fails to copy goes through the host, from that
position on. Not where its outcome is unknown: it may still be writing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threepce.agent import tape
from threepce.agent.driver import Driver
from threepce.agent.engine import third_party_copy_page
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    CopyAborted,
    CopyCancelled,
    InvalidRequest,
    OutcomeUnknown,
)
from threepce.agent.executor import Executor
from threepce.agent.host import Comparison, Host, Writing
from threepce.agent.planner import PlannedCommand, plan
from threepce.agent.preparing import PreparedCopy
from threepce.agent.report import CommandReport, CopyReport, How, Position, Progress, Segment
from threepce.agent.status import Status
from threepce.agent.tokens import copy_with_token
from threepce.scsi.nexus import TransportError
from threepce.scsi.sense import Sense

__all__ = ["Run"]


class Run:
    """Carries out one prepared copy; `report` says what has been done.

    `refused` is told why the copy manager would not copy between these units at all.
    """

    def __init__(
        self,
        executor: Executor,
        prepared: PreparedCopy,
        report: CopyReport,
        *,
        clock: Callable[[], float],
        progress: Callable[[Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
        refused: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._executor, self._prepared, self.report = executor, prepared, report
        self._clock, self._refused = clock, refused
        self._tell = progress or (lambda _: None)
        self._cancelled = cancelled or (lambda: False)

    def go(self) -> CopyReport:
        """Copy from the position in the report to the end; verify if that was asked for.

        Raises AgentError, each with the report, and TransportError.
        """
        try:
            self._relocate(self.report.tapes)
            self._mark()
            if not self.report.origin:
                self.report.origin = self.report.tapes
            self._copy()
            self.report.position = Position(len(self._prepared.request.parts))
            if self._prepared.request.verify:
                self._verify()
        except AgentError as error:
            error.report = self.report
            raise
        return self.report

    def _copy(self) -> None:
        if self._prepared.through_host:
            self._through_host(self._prepared.through_host)
        elif self._prepared.request.method == "token":
            self._with_tokens()
        else:
            self._offload()

    def _offload(self) -> None:
        request, report = self._prepared.request, self.report
        # The end of the plan is "all copied" at 726.
        for command in plan(self._prepared.job, report.position, number=len(report.commands)):  # 714
            self._before(command.number)
            driver = Driver(
                self._executor,
                request.manager,
                timeout=request.timeout,
                progress=lambda status, command=command: self._told(command, status),  # type: ignore[misc]
                cancelled=self._cancelled,
            )
            begun = self._clock()
            try:
                completion = driver.extended_copy(command.parameter_list)  # 716, 718; on error 722
            except CommandFailed as error:  # 724
                if isinstance(error, CopyAborted):
                    self._note_what_is_done(command, error, self._clock() - begun)
                elif not report.commands:
                    self._refused(str(error))
                if request.fallback != "host":
                    raise
                self._relocate(report.tapes)
                self._through_host(str(error))
                return
            except TransportError as error:
                raise OutcomeUnknown(
                    str(request.manager), str(error), "the nexus did not live to ask"
                ) from error
            sense = Sense.decode(completion.sense)
            seconds = self._clock() - begun
            self._done(CommandReport(command.number, command.segments, sense, seconds=seconds))
            report.position = command.after(len(command.segments))

    def _before(self, number: int) -> None:
        self._mark()
        if self._cancelled():
            raise CopyCancelled(str(self._prepared.request.manager), f"before command {number}")

    def _done(self, command: CommandReport) -> None:
        self.report.commands.append(command)
        self._tell(Progress(self.report.number_of_bytes, self.report.total_bytes, command.number))

    def _told(self, command: PlannedCommand, status: Status) -> None:
        done = sum(segment.number_of_bytes for segment in command.segments[: status.segments])
        self._tell(
            Progress(
                self.report.number_of_bytes + done, self.report.total_bytes, command.number, status.segments
            )
        )

    def _note_what_is_done(self, command: PlannedCommand, error: CopyAborted, seconds: float) -> None:
        """Count the segments before the one that failed as done, where that can be known."""
        if self._prepared.tapes:
            return
        done = min(error.segment or 0, len(command.segments))
        if error.results.status is not None:
            done = min(done, error.results.status.segments_processed)
        if done:
            self._done(CommandReport(command.number, command.segments[:done], seconds=seconds))
            self.report.position = command.after(done)

    def _mark(self) -> None:
        """Note where the tapes stand."""
        self.report.tapes = tuple(
            tape.position(self._executor, unit.end.device) if unit.end.device else None
            for unit in self._prepared.tapes
        )

    def _relocate(self, positions: Sequence[int | None]) -> None:
        """Bring the tapes to where they stood."""
        for unit, position in zip(self._prepared.tapes, positions, strict=bool(positions)):
            if unit.end.device is None or position is None:
                raise InvalidRequest(
                    str(unit.end), "position", position, "is not known, so the copy cannot be gone on with"
                )
            if tape.position(self._executor, unit.end.device) != position:
                tape.locate(self._executor, unit.end.device, position)

    def _through_host(self, why: str) -> None:
        host = Host(self._executor, self._prepared, Writing(self._executor, self._prepared.destination))
        for command in plan(self._prepared.job, self.report.position, number=len(self.report.commands)):
            self._before(command.number)
            begun = self._clock()
            segments = tuple(host.move(command.segments))
            self._done(
                CommandReport(command.number, segments, how=How.HOST, why=why, seconds=self._clock() - begun)
            )
            self.report.position = command.after(len(segments))

    def _with_tokens(self) -> None:
        request, prepared = self._prepared.request, self._prepared
        destination = prepared.destination.end.device
        for command in plan(prepared.job, self.report.position, number=len(self.report.commands)):
            for part in dict.fromkeys(segment.part for segment in command.segments):
                unit = prepared.sources[part]
                assert unit is not None
                assert unit.end.device is not None
                assert destination is not None
                segments = tuple(item for item in command.segments if item.part == part)
                page = third_party_copy_page(self._executor, unit.end.device)
                limits = page.token_limits
                if limits is None:
                    raise CannotBuildCommand(
                        str(unit.end), "Block Device ROD Token Limits", "VPD page 8Fh has none"
                    )
                for batch in _batches(
                    segments, limits.maximum_range_descriptors, limits.maximum_token_transfer_size
                ):
                    number = len(self.report.commands)
                    self._before(number)
                    begun = self._clock()
                    copy_with_token(
                        self._executor, unit.end.device, destination, batch, unit.block_length,
                        list_identifier=request.list_identifier, timeout=request.timeout,
                    )  # fmt: skip
                    self._done(CommandReport(number, batch, seconds=self._clock() - begun))
                    self.report.position = _after(self.report.position, batch)

    def _verify(self) -> None:
        """Read all of it again, and compare."""
        self._relocate(self.report.origin)
        sink = Comparison(self._executor, self._prepared.destination)
        host = Host(self._executor, self._prepared, sink)
        self.report.verified = 0
        for command in plan(self._prepared.job):
            for segment in host.move(command.segments):
                self.report.verified += segment.number_of_bytes


def _after(position: Position, segments: Sequence[Segment]) -> Position:
    for segment in segments:
        begun = position.units if segment.part == position.part else 0
        position = Position(segment.part, begun + segment.units)
    return position


def _batches(segments: Sequence[Segment], most: int, blocks: int) -> list[tuple[Segment, ...]]:
    """The segments in batches of at most so many, and of at most so many blocks; 0 is no limit."""
    found: list[list[Segment]] = []
    room = ranges = 0
    for segment in segments:
        source, destination, left = segment.source, segment.destination, segment.units
        while left:
            if not found or not room or not ranges:
                found.append([])
                room, ranges = blocks or left, most or len(segments)
            units = min(left, room)
            found[-1].append(
                segment._replace(
                    source=source,
                    destination=destination,
                    units=units,
                    number_of_bytes=segment.number_of_bytes // segment.units * units,
                )
            )
            source, destination, left = source + units, destination + units, left - units
            room, ranges = room - units if blocks else left or 1, ranges - 1
    return [tuple(batch) for batch in found]
