"""What the commands around the lab do: `up`, `down`, `shell`, and the doctor's look at it.

Plain functions without a command line of their own; `say` receives what the user is to read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import background
from .errors import LabError
from .examine import Finding, examine
from .interface import open_user_mode
from .terminal import join, window_size

__all__ = ["Finding", "down", "examine", "shell", "up"]

Say = Callable[[str], None]
SHELL = ["/bin/sh", "-i"]


def up(*, kernel_directory: Path | None = None, say: Say = print) -> None:
    """Boot a lab that stays in the background, and say how to use it.

    A lab that is up already is left as it is. Raises LabUnavailable.
    """
    status = background.is_up()
    if status is None:
        status = background.start(kernel_directory)
        say(f"A lab is up: Linux {status['release']} in user mode.")
    else:
        say(f"A lab was up already: Linux {status['release']} in user mode.")
    for lun, serial in status["units"].items():
        say(f"  LUN {lun} is /dev/sg{lun} in the guest, serial {serial}, 1 GiB in 512-byte blocks")
    say(f"  Its console is {status['console_log']}.")
    say("A shell in it: 3pce lab lio shell. It sees this system's files, and its own writes go")
    say("to its memory. Take it down: 3pce lab lio down.")


def down(*, say: Say = print) -> bool:
    """Take the lab that is up down; False if none is."""
    try:
        background.stop()
    except LabError as error:
        say(str(error))
        return False
    say("The lab is down.")
    return True


def shell(
    *,
    kernel_directory: Path | None = None,
    command: list[str] | None = None,
    say: Say = print,
) -> None:
    """Run a shell, or `command`, in the guest of the lab that is up.

    If none is up, one is booted for the time of the shell. Raises LabUnavailable and GuestError.
    """
    rows, columns = window_size()
    program = SHELL if command is None else command
    status: dict[str, Any] | None = background.is_up()
    if status is not None:
        process = background.ask("start_shell", command=program, rows=rows, columns=columns)
        number = process["process"]
        join(status["terminal"], lambda: bool(background.ask("shell_runs", process=number)["runs"]))
        return
    with open_user_mode(kernel_directory, progress=say) as lab:
        number = lab.start_shell(program, rows, columns)
        join(lab.shell_terminal, lambda: lab.shell_runs(number))
