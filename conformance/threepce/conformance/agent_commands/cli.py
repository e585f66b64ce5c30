"""The arguments of the agent's commands. What they do is imported once one is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["add_agent_commands"]

DEVICE = "iscsi://HOST/TARGET/LUN, sg:/dev/sgN, or SAN.yaml#UNIT."

Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", "-e", metavar="ENGINE", help=f"The copy manager: {DEVICE} The destination's if left out."
    ),
]
EngineArgument = Annotated[str, typer.Argument(metavar="ENGINE", help=DEVICE)]
ListId = Annotated[int, typer.Option("--list-id", metavar="N", help="The list identifier of the copy.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send none of it.")]
DataLoss = Annotated[
    bool, typer.Option("--allow-data-loss", help="Overwrite a device that is not the emulator's.")
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bar on a terminal.")]
Offset = Annotated[
    int, typer.Option("--offset", metavar="BYTES", min=0, help="Where the file system begins on the disk.")
]


def add_agent_commands(app: typer.Typer) -> None:
    """Give `app` the commands."""
    for name, command in (
        ("copy", copy),
        ("results", results),
        ("abort", abort),
        ("probe", probe),
        ("backup", backup),
        ("restore", restore),
    ):
        app.command(name)(command)


def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help=DEVICE)],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The same.")],
    engine: Engine = None,
    extent: Annotated[
        list[str] | None,
        typer.Option(
            "--extent", metavar="SRC:DST:BLOCKS", help="Where from, where to, how many; may be repeated."
        ),
    ] = None,
    skip: Annotated[int, typer.Option("--skip", metavar="LBA", min=0, help="Begin there in the source.")] = 0,
    seek: Annotated[
        int, typer.Option("--seek", metavar="LBA", min=0, help="Begin there in the destination.")
    ] = 0,
    blocks: Annotated[
        int | None, typer.Option("--blocks", metavar="N", min=0, help="All there are if left out.")
    ] = None,
    pad: Annotated[
        str | None, typer.Option("--pad", metavar="WHICH", help="source, destination or both.")
    ] = None,
    transfer_length: Annotated[
        int | None, typer.Option("--transfer-length", metavar="BYTES", min=1, help="Of a block on a tape.")
    ] = None,
    list_id: ListId = 1,
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", metavar="D", help="lid1, lid4, spc2 or 143r1; else as the engine shows."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="For each command.")
    ] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="What the engine will not copy goes through the host.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read back and compare.")] = False,
    no_progress: NoProgress = False,
    dry_run: DryRun = False,
    json: Json = False,
    allow_data_loss: DataLoss = False,
) -> int:
    """Copy blocks by a copy engine: disk to disk, disk to tape, tape to disk."""
    from threepce.conformance.agent_commands.copy import CopyArguments, run_copy

    return run_copy(
        CopyArguments(
            source=source,
            destination=destination,
            engine=engine,
            extents=extent or (),
            skip=skip,
            seek=seek,
            blocks=blocks,
            pad=pad,
            transfer_length=transfer_length,
            list_identifier=list_id,
            dialect=dialect,
            timeout=timeout,
            fallback=fallback,
            verify=verify,
            progress=not no_progress,
            dry_run=dry_run,
            json=json,
            allow_data_loss=allow_data_loss,
        )
    )


def results(
    engine: EngineArgument,
    list_id: ListId,
    held: Annotated[bool, typer.Option("--held", help="The data that segments held.")] = False,
    failure: Annotated[bool, typer.Option("--failure", help="Why it failed (LID1).")] = False,
    lid4: Annotated[bool, typer.Option("--lid4", help="The copy was an EXTENDED COPY(LID4).")] = False,
    json: Json = False,
) -> int:
    """Show what an engine keeps of a copy: its status, held data, or why it failed.

    It keeps that for the nexus that sent the copy: through sg: this host, for as long as it is up. An
    iSCSI session takes it along when it ends; 3pce copy tells it itself when a copy fails.
    """
    from threepce.conformance.agent_commands import results as command
    from threepce.conformance.errors import UsageError

    if held and failure:
        raise UsageError("--held or --failure, one of them")
    what = command.HELD if held else command.FAILURE if failure else command.STATUS
    return command.show_results(engine, list_id, what=what, lid4=lid4, json=json)


def abort(engine: EngineArgument, list_id: ListId, json: Json = False) -> int:
    """End a copy that runs, of the nexus that sent it: through sg: this host, whichever program it was."""
    from threepce.conformance.agent_commands.results import abort_copy

    return abort_copy(engine, list_id, json=json)


def probe(
    engine: EngineArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the profile there.")
    ] = None,
    json: Json = False,
) -> int:
    """Say what an engine can do, as a profile that the emulator can be given."""
    from threepce.conformance.agent_commands.probe import probe_engine

    return probe_engine(engine, output, json=json)


def backup(
    source: Annotated[str, typer.Option("--from", metavar="DISK", help=DEVICE)],
    tape: Annotated[str, typer.Option("--to", metavar="TAPE", help="The same; set to variable blocks.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Files and folders of the ext4 file system on DISK."),
    ] = None,
    engine: Engine = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every file, and the file system itself.")
    ] = False,
    mounted: Annotated[
        bool,
        typer.Option(
            "--mounted", help="FILE are files of this host, on a file system that is mounted from DISK."
        ),
    ] = False,
    offset: Offset = 0,
    digest: Annotated[
        bool, typer.Option("--digest", help="Read each file through the host for its SHA-256.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew, whatever the tape holds.")
    ] = False,
    transfer_length: Annotated[
        int,
        typer.Option(
            "--transfer-length", metavar="BYTES", min=4, max=(1 << 24) - 1, help="Of a block on the tape."
        ),
    ] = 65536,
    before: Annotated[list[str] | None, typer.Option("--before", metavar="CMD", help="Run it first.")] = None,
    after: Annotated[
        list[str] | None, typer.Option("--after", metavar="CMD", help="Run it at the end.")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--lvm-snapshot",
            metavar="VG/LV:SIZE",
            help="DISK is a snapshot VG/LV-3pce, made first and removed at the end.",
        ),
    ] = None,
    no_progress: NoProgress = False,
    dry_run: DryRun = False,
    json: Json = False,
    allow_data_loss: DataLoss = False,
) -> int:
    """Back up files to tape by a copy engine. Run again after a failure, it goes on where it was."""
    from threepce.conformance.agent_commands.backup import BackupArguments, run_backup
    from threepce.conformance.agent_commands.hooks import Hooks, lvm_snapshot

    hooks = lvm_snapshot(snapshot) if snapshot else Hooks()
    hooks = Hooks((*(before or ()), *hooks.before), (*hooks.after, *(after or ())))
    return run_backup(
        BackupArguments(
            files=files or (),
            source=source,
            tape=tape,
            engine=engine,
            everything=everything,
            mounted=mounted,
            offset=offset,
            digest=digest,
            overwrite=overwrite,
            transfer_length=transfer_length,
            hooks=hooks,
            progress=not no_progress,
            dry_run=dry_run,
            json=json,
            allow_data_loss=allow_data_loss,
        )
    )


def restore(
    tape: Annotated[str, typer.Option("--from", metavar="TAPE", help=DEVICE)],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Names as --list shows them; all if left out."),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DISK",
            help="Over the files of the same names and sizes on its ext4 file system, which nobody has mounted.",
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="FOLDER", help="As new files there, through the host.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only show what the backup has.")] = False,
    engine: Engine = None,
    same_place: Annotated[
        bool,
        typer.Option(
            "--same-place", help="To the blocks they came from: for an empty disk, after backup --all."
        ),
    ] = False,
    offset: Offset = 0,
    offload_only: Annotated[
        bool,
        typer.Option(
            "--offload-only", help="Fail where the engine cannot, and move nothing through the host."
        ),
    ] = False,
    no_progress: NoProgress = False,
    json: Json = False,
    allow_data_loss: DataLoss = False,
) -> int:
    """Restore files from a backup on tape by a copy engine, and compare their digests."""
    from threepce.conformance.agent_commands.backup import RestoreArguments, run_restore

    return run_restore(
        RestoreArguments(
            names=names or (),
            tape=tape,
            destination=destination,
            folder=into,
            engine=engine,
            same_place=same_place,
            offset=offset,
            listing=listing,
            fallback=not offload_only,
            progress=not no_progress,
            json=json,
            allow_data_loss=allow_data_loss,
        )
    )
