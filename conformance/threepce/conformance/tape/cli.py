"""The arguments of `3pce tape`. Nothing but typer is imported before a command is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Cartridges of the virtual tape: SIMH .tap and AWS .aws files.", no_args_is_help=True)

Cartridge = Annotated[
    Path,
    typer.Argument(
        metavar="CARTRIDGE",
        help="NAME.tap or NAME.aws; its further partitions are NAME.1.tap, NAME.2.tap and so on.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command("ls")
def list_objects(cartridge: Cartridge, json: Json = False) -> int:
    """List blocks and filemarks: object numbers, lengths, where in the file; equal ones as one line.

    Ends with 1 where the cartridge is damaged: what lies before the damage is listed.
    """
    from threepce.conformance.tape.listing import show

    return show(cartridge, json=json)


@app.command("new")
def make(
    cartridge: Cartridge,
    image_format: Annotated[
        str | None,
        typer.Option("--format", metavar="tap|aws", help="For a name without suffix, which is added."),
    ] = None,
    partitions: Annotated[int, typer.Option("--partitions", metavar="N", help="How many.")] = 1,
) -> int:
    """Make an empty cartridge. What is there is never overwritten."""
    from threepce.conformance.tape.new import make_cartridge

    return make_cartridge(cartridge, image_format, partitions)


@app.command("dump")
def read_out(
    cartridge: Cartridge,
    objects: Annotated[
        str | None, typer.Option("--object", metavar="N|N..M", help="Only these objects, from 0 on.")
    ] = None,
    file: Annotated[
        int | None, typer.Option("--file", metavar="N", help="Only the blocks behind N filemarks.")
    ] = None,
    partition: Annotated[int, typer.Option("--partition", metavar="N", help="Of this partition.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="F", help="Write there, to a new file.")
    ] = None,
) -> int:
    """Write the bytes of blocks, one behind the other, to standard output or a file.

    Ends with 1 where a block cannot be read: what lies before it is written.
    """
    from threepce.conformance.tape.export import Request, write_out

    return write_out(Request(cartridge, objects, file, partition, output))


@app.command("check")
def verify(cartridge: Cartridge, json: Json = False) -> int:
    """Go through the whole file and say where it is damaged: byte, object, what is there, what should be.

    Ends with 0 where all is sound, with 1 where something is damaged or marked as read with an error.
    Nothing is changed, and what lies beside the file is not relied on.
    """
    from threepce.conformance.tape.check import examine

    return examine(cartridge, json=json)
