"""`3pce copy`: extents from a disk or tape to another, by a copy engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from threepce.agent import CopyAgent, CopyReport, CopyRequest, Disk, Extent, Part, Tape
from threepce.agent.executor import Executor
from threepce.agent.planner import plan
from threepce.agent.preparing import PreparedCopy
from threepce.conformance.agent_commands.devices import Devices, Facts, consent
from threepce.conformance.agent_commands.explained import explained
from threepce.conformance.agent_commands.talk import document, errors_told, progress, say, tell
from threepce.conformance.errors import UsageError
from threepce.scsi.dialect import Dialect
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

__all__ = ["CopyArguments", "run_copy"]

DIALECTS = {"lid1": Dialect.LID1, "lid4": Dialect.LID4, "spc2": Dialect.SPC_2, "143r1": Dialect.T10_99_143}
PADS = ("source", "destination", "both")
_EXTENT = re.compile(r"(\d+):(\d+):(\d+)")
LID1_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyArguments:
    """What was asked for on the command line."""

    source: str
    destination: str
    engine: str | None = None
    extents: Sequence[str] = ()
    skip: int = 0
    seek: int = 0
    blocks: int | None = None
    pad: str | None = None
    transfer_length: int | None = None
    list_identifier: int = 1
    dialect: str | None = None
    timeout: float | None = None
    fallback: bool = False
    verify: bool = False
    progress: bool = True
    dry_run: bool = False
    json: bool = False
    allow_data_loss: bool = False


def run_copy(arguments: CopyArguments) -> int:
    """Carry it out. Raises UsageError; returns the exit status."""
    _check(arguments)
    with errors_told(as_json=arguments.json) as ended, Devices() as devices:
        agent = CopyAgent(devices.open)
        source = devices.facts(devices.open(arguments.source), agent.executor)
        destination = devices.facts(devices.open(arguments.destination), agent.executor)
        manager = devices.open(arguments.engine) if arguments.engine else destination.device
        request = CopyRequest(
            manager=manager,
            destination=_end(destination, arguments, "destination"),
            parts=[Part(_end(source, arguments, "source"), _extents(arguments, source, destination))],
            list_identifier=arguments.list_identifier,
            dialect=DIALECTS[arguments.dialect] if arguments.dialect else None,
            fallback="host" if arguments.fallback else None,
            verify=arguments.verify,
            **({} if arguments.timeout is None else {"timeout": arguments.timeout}),  # type: ignore[arg-type]
        )
        request.check()
        (prepared,) = agent.prepare_all([request])
        if arguments.dry_run:
            _show_plan(prepared, as_json=arguments.json)
        else:
            consent([destination], arguments.allow_data_loss, tell)
            with progress(arguments.progress and not arguments.json) as notice:
                report = agent.run(
                    prepared, progress=lambda far: notice(f"command {far.command}", far.done, far.total)
                )
            _show_report(report, source, destination, as_json=arguments.json)
    return ended.status


def _check(arguments: CopyArguments) -> None:
    if arguments.dialect not in (None, *DIALECTS):
        raise UsageError(f"--dialect {arguments.dialect}: there are {', '.join(DIALECTS)}")
    if arguments.pad not in (None, *PADS):
        raise UsageError(f"--pad {arguments.pad}: there are {', '.join(PADS)}")
    if arguments.extents and (arguments.blocks is not None or arguments.skip or arguments.seek):
        raise UsageError("--extent says all of it: leave --blocks, --skip and --seek out")


def _end(facts: Facts, arguments: CopyArguments, role: Literal["source", "destination"]) -> Disk | Tape:
    pad = arguments.pad in (role, "both")
    if facts.is_disk:
        return Disk(facts.device, pad=pad)
    if facts.is_tape:
        if arguments.transfer_length is None:
            return Tape(facts.device, pad=pad)
        return Tape(facts.device, pad=pad, transfer_length=arguments.transfer_length)
    kind = facts.inquiry.peripheral_device_type
    raise UsageError(f"{facts.device}: its peripheral device type is {kind:02X}h, neither a disk nor a tape")


def _extents(arguments: CopyArguments, source: Facts, destination: Facts) -> list[Extent]:
    if source.is_tape and destination.is_tape:
        raise UsageError("a copy from tape to tape counts no blocks, and cannot be asked for here")
    if arguments.extents:
        found = []
        for text in arguments.extents:
            match = _EXTENT.fullmatch(text)
            if match is None:
                raise UsageError(
                    f"--extent {text}: expected SOURCE:DESTINATION:BLOCKS, three numbers, as in 0:2048:512 "
                    "(the address of a tape is 0)"
                )
            source_lba, destination_lba, number = map(int, match.groups())
            found.append(Extent(source_lba, destination_lba, number))
        return found
    blocks = arguments.blocks
    if blocks is None:
        if not source.is_disk:
            raise UsageError("--blocks is needed where the source is a tape: blocks of the disk")
        blocks = source.size // _block_length(source) - arguments.skip if source.size else 0
    return [Extent(arguments.skip, arguments.seek, blocks)]


def _block_length(facts: Facts) -> int:
    from threepce.agent.inspection import read_capacity

    return read_capacity(Executor(lambda _: None), facts.device).block_length


def _commands(prepared: PreparedCopy) -> Iterator[tuple[bytes, bytes]]:
    """Each command as it would be sent: CDB and parameter list."""
    table = ExtendedCopyLid4 if prepared.job.dialect is Dialect.LID4 else ExtendedCopyLid1
    for command in plan(prepared.job):
        data = command.parameter_list.encode()
        yield table(parameter_list_length=len(data)).encode(), data


def _show_plan(prepared: PreparedCopy, *, as_json: bool) -> None:
    if prepared.through_host:
        raise UsageError(
            f"there is no command to show: all of it goes through the host ({prepared.through_host})"
        )
    kind = {Dialect.LID4: "lid4", Dialect.SPC_2: "spc2", Dialect.T10_99_143: "143r1"}.get(
        prepared.job.dialect, "lid1"
    )
    commands = [(explained("cdb", cdb), explained(kind, data)) for cdb, data in _commands(prepared)]
    if as_json:
        pieces = [{"cdb": cdb.as_json(), "parameter_list": data.as_json()} for cdb, data in commands]
        document({"dry_run": True, "commands": pieces, "total_bytes": prepared.total_bytes})
        return
    for number, pair in enumerate(commands):
        say(f"command {number}")
        for piece in pair:
            for line in piece.lines():
                say(f"  {line}".rstrip())
    say(f"{prepared.total_bytes} bytes with {len(commands)} commands; nothing was sent")


def _show_report(report: CopyReport, source: Facts, destination: Facts, *, as_json: bool) -> None:
    if not as_json:
        say(str(report))
        return
    content: dict[str, Any] = {
        "source": str(source.device),
        "destination": str(destination.device),
        "dialect": report.dialect.value if report.dialect else None,
        "bytes": report.number_of_bytes,
        "offloaded_bytes": report.offloaded_bytes,
        "host_bytes": report.host_bytes,
        "verified_bytes": report.verified,
        "seconds": report.seconds,
        "commands": len(report.commands),
        "lower_bound": report.lower_bound,
        "segments": [
            {
                "command": one.command,
                "index": one.index,
                "source": one.segment.source,
                "destination": one.segment.destination,
                "bytes": one.number_of_bytes,
                "how": one.how.value,
                "why": one.why,
            }
            for one in report.segments
        ],
    }
    document(content)
