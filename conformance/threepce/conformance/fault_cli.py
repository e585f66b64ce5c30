"""`3pce fault`: the arguments. What it does is in ``fault``, imported once a command is chosen."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["fault"]

fault = typer.Typer(
    help="Faults on demand in an emulator that `3pce serve --control` has started.",
    no_args_is_help=True,
    epilog="Example: 3pce fault add --match unit=source --match lba=100 --do 'sense=MEDIUM ERROR 11h/00h'",
)

Control = Annotated[
    str,
    typer.Option(
        "--control", metavar="unix:PATH", envvar="THREEPCE_CONTROL", help="The control socket of the server."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@fault.command("add")
def add(
    control: Control,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="Faults in YAML or JSON; - is standard input.")
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match", metavar="KEY=VALUE", help="unit, command, lba, object, by, initiator, segment."
        ),
    ] = None,
    when: Annotated[
        list[str] | None,
        typer.Option(
            "--when", metavar="KEY=VALUE", help="once, always, occurrence=2, times=3, from=30, until=60."
        ),
    ] = None,
    do: Annotated[
        list[str] | None,
        typer.Option(
            "--do",
            metavar="KEY=VALUE",
            help="'sense=MEDIUM ERROR 11h/00h', status=BUSY, delay=5, 'drop nexus', ...",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
) -> int:
    r"""Install faults: all that are given, or none.

    \b
    3pce fault add faults.yaml
    3pce fault add --match unit=source --match command=READ --match lba=100..107 \
        --when occurrence=2 --do 'sense={key: MEDIUM ERROR, code: 11h/00h, information: lba}'
    3pce fault add --match segment=2 --do stall
    3pce fault add --match command=83h --do 'drop nexus' --do executed --when once
    """
    from threepce.conformance.fault import Short, add_faults

    return add_faults(control, file, Short(tuple(match or ()), tuple(when or ()), tuple(do or ()), name))


@fault.command("list")
def list_(control: Control, json: Json = False) -> int:
    """Say which faults there are, and how often each was met and done."""
    from threepce.conformance.fault import list_faults

    return list_faults(control, json=json)


@fault.command("remove")
def remove(
    control: Control, names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Which faults.")]
) -> int:
    """Take faults out."""
    from threepce.conformance.fault import remove_faults

    return remove_faults(control, names)


@fault.command("reset")
def reset(control: Control) -> int:
    """Take all faults out."""
    from threepce.conformance.fault import reset_faults

    return reset_faults(control)
