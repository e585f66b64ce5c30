"""The `3pce` command: arguments in, exit status out. What it does is in other modules.

Nothing but typer is imported before a command is chosen, so that `--help` is quick.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from threepce.conformance.agent_commands.cli import add_agent_commands
from threepce.conformance.fault_cli import fault
from threepce.conformance.profile_cli import profile_commands
from threepce.conformance.tape.cli import app as tape

__all__ = ["app", "main"]

USAGE, BROKEN, NOTHING_RAN, INTERRUPTED = 2, 3, 4, 130

app = typer.Typer(
    name="3pce",
    help="Test SCSI third-party copy engines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
lab = typer.Typer(help="Real copy engines on this machine.", no_args_is_help=True)
lio = typer.Typer(help="Linux LIO in a user-mode kernel that needs no root.", no_args_is_help=True)
app.add_typer(lab, name="lab")
app.add_typer(tape, name="tape")
app.add_typer(fault, name="fault")
app.add_typer(profile_commands, name="profile")
lab.add_typer(lio, name="lio")


def main() -> None:
    """Run the command and end the process. Whatever the user got wrong is one message."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and return the exit status."""
    from threepce.conformance.errors import EngineUnavailable, ScenarioErrors, UsageError

    try:
        return int(app(arguments, standalone_mode=False, prog_name="3pce") or 0)
    except (UsageError, ScenarioErrors) as error:
        return _said(str(error), USAGE)
    except EngineUnavailable as error:
        return _said(str(error), BROKEN)
    except (KeyboardInterrupt, typer.Abort):
        return _said("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001  (the last line of defence; it hides nothing)
        return _last_resort(error)


def _last_resort(error: Exception) -> int:
    """What typer has to say about the arguments, what a transport has to say, or our own defect."""
    from threepce.conformance.front_errors import status_and_message

    known = status_and_message(error)
    if known is not None:
        status, message = known
        return _said(message, status)
    traceback.print_exception(error)
    return _said("this is a defect of 3pce, not of an engine; please report it with the lines above", BROKEN)


def _said(message: str, status: int) -> int:
    if message:
        typer.echo(f"3pce: {message}", err=True)
    return status


def _show_version(wanted: bool) -> None:
    if wanted:
        from threepce.conformance.version import version

        typer.echo(f"3pce {version()}")
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Test SCSI third-party copy engines."""


@app.command("test")
def run_scenarios(
    selectors: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SELECTOR]...", help="Scenario files, folders, or ids with globs."),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            "-e",
            help="emulator[:PROFILE], emulator+iscsi[:PROFILE], lio, lio+iscsi, iscsi://HOST/TARGET/LUN; may be repeated.",
        ),
    ] = None,
    keyword: Annotated[str | None, typer.Option("-k", metavar="EXPR", help="Only cases that match.")] = None,
    last_failed: Annotated[bool, typer.Option("--lf", help="Only cases that failed last time.")] = False,
    workers: Annotated[
        str | None, typer.Option("-n", metavar="N", help="Worker processes: a number or auto.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML there too.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the results as JSON there too.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for the reports.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the cases and run nothing.")] = False,
    verbosity: Annotated[
        int, typer.Option("-v", count=True, help="A line for each case and command; -vv adds the bytes.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Noted in the history.")] = 0,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="Overwrite what is on the disks of a real target.")
    ] = False,
) -> int:
    """Run scenarios on copy engines and judge them."""
    from threepce.agent.transports.iscsi_url import without_password
    from threepce.conformance.console import Printer
    from threepce.conformance.engines.parse import DEFAULT_PROFILE
    from threepce.conformance.errors import UsageError
    from threepce.conformance.front import (
        NothingSelected,
        TestOptions,
        check_output,
        list_cases,
        run_tests,
    )

    if workers is not None and workers != "auto" and not (workers.isdigit() and int(workers) < 1000):
        raise UsageError(f"-n {workers}: expected a number of worker processes, or auto")
    check_output(junit, "--junit")
    check_output(json, "--json")
    options = TestOptions(
        selectors=selectors or [],
        engines=list(dict.fromkeys(engine or [f"emulator:{DEFAULT_PROFILE}"])),
        keyword=keyword,
        last_failed=last_failed,
        workers=workers,
        junit=junit,
        json=json,
        report=report,
        verbosity=verbosity,
        seed=seed,
        allow_data_loss=allow_data_loss,
        arguments=[without_password(argument) for argument in sys.argv[1:]],
    )
    try:
        if only_list:
            return list_cases(options.selectors, Printer())
        return run_tests(options, Printer())
    except NothingSelected as error:
        return _said(str(error), NOTHING_RAN)


@app.command()
def limits(
    target: Annotated[
        str,
        typer.Argument(
            metavar="ENGINE",
            help="emulator[:PROFILE], lio, iscsi://HOST/TARGET/LUN, sg:/dev/sg3 or SAN.yaml#UNIT.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Say what a copy manager can do: RECEIVE COPY OPERATING PARAMETERS in words."""
    from threepce.conformance.limits import show_limits

    return show_limits(target, json=json)


@app.command()
def serve(
    san_file: Annotated[
        Path | None,
        typer.Argument(metavar="[SAN.yaml]", help="Which units, targets and initiators there are."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="P", help="What the copy manager is like.")
    ] = None,
    portal: Annotated[
        str, typer.Option("--portal", metavar="ADDRESS:PORT", help="Where to listen; port 0 is any free one.")
    ] = "127.0.0.1:0",
    unit: Annotated[
        list[str] | None,
        typer.Option(
            "--unit", metavar="NAME=SIZE", help="A disk in memory, as in source=64M; may be repeated."
        ),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option("--ready-file", metavar="F", help="Write the line with the portal there too."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="F", help="Write every command there, one a line.")
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", help="Say who comes and goes.")] = False,
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="unix:PATH", help="Where faults, time and tapes are controlled."),
    ] = None,
    quirk: Annotated[
        list[str] | None,
        typer.Option(
            "--quirk", metavar="NAME", help="A defect that loses data, as in 'stale buffer'; may be repeated."
        ),
    ] = None,
) -> int:
    """Serve virtual disks with a copy manager behind an iSCSI portal, until a signal ends it."""
    from threepce.conformance.serve import ServeRequest, run_server

    units, quirks = tuple(unit or ()), tuple(quirk or ())
    request = ServeRequest(san_file, profile, portal, units, ready_file, trace, verbose, control, quirks)
    return run_server(request)


@app.command("explain")
def explain_bytes(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX|26h/06h|NAME", help="Bytes, a sense code, or - for standard input."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="sense, cdb, list, lid1, ...")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the bytes, or a dump, from it.")
    ] = None,
    parameter_list: Annotated[
        str | None, typer.Option("--list", metavar="HEX", help="The list sent.")
    ] = None,
    sense: Annotated[str | None, typer.Option("--sense", metavar="HEX", help="The sense data got.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Say what bytes mean, field by field; of a failed copy, what failed and what to do."""
    from threepce.conformance.explain.command import Request, explain

    return explain(Request(tuple(words or ()), kind, file, parameter_list, sense, json))


@app.command("c-library")
def c_library(
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the library, its header and an example go.")
    ],
) -> int:
    """Build gen_ex_copy as a shared library that programs in C can call."""
    from threepce.conformance.c_library import build_c_library

    return build_c_library(output)


@app.command()
def doctor() -> int:
    """Say what is here, what is missing, and what to do about it."""
    from threepce.conformance.doctor import examine_all

    return examine_all()


KernelDirectory = Annotated[
    Path | None, typer.Option("--kernel-directory", help="Where a user-mode kernel is unpacked.")
]


@lio.command("up")
def lio_up(kernel_directory: KernelDirectory = None) -> None:
    """Boot a lab that stays in the background."""
    from threepce.conformance.lab import commands

    commands.up(kernel_directory=kernel_directory)


@lio.command("down")
def lio_down() -> int:
    """Take the lab in the background down."""
    from threepce.conformance.lab import commands

    return 0 if commands.down() else BROKEN


@lio.command("shell")
def lio_shell(kernel_directory: KernelDirectory = None) -> None:
    """A shell in the lab's kernel."""
    from threepce.conformance.lab import commands

    commands.shell(kernel_directory=kernel_directory)


add_agent_commands(app)
