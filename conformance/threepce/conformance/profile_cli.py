"""`3pce profile`: the arguments. What it does is in ``profile``, imported once a command is chosen."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["profile_commands"]

profile_commands = typer.Typer(help="What copy engines the emulator can be.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME|FILE.yaml", help="A profile of ours by its name, or your own file.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@profile_commands.command("list")
def list_(json: Json = False) -> int:
    """Say which profiles there are, in which dialects, with which descriptors."""
    from threepce.conformance.profile import list_profiles

    return list_profiles(json=json)


@profile_commands.command("show")
def show(
    name: Name,
    json: Json = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="The whole profile as a file that inherits from none.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The values that no profile states, too.")
    ] = False,
) -> int:
    """Show the values of a profile and where each came from, its deviations and their sources."""
    from threepce.conformance.profile import show_profile

    return show_profile(name, json=json, yaml=yaml, everything=everything)


@profile_commands.command("check")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE.yaml", help="A profile of your own.")],
) -> int:
    """Say all that is wrong with a profile, and why. Ends with 0 where an engine can be like that, else with 2."""
    from threepce.conformance.profile import check_file

    return check_file(file)
