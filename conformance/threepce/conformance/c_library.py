"""`3pce c-library`: the seed's function as a shared library for programs in C.

What is built and how is `threepce.agent.c_library`'s; here is what the command says.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from threepce.agent.c_library.build import CannotBuildLibrary, build_library
from threepce.conformance.console import Printer
from threepce.conformance.errors import EngineUnavailable, UsageError

__all__ = ["build_c_library"]


def build_c_library(output: Path) -> int:
    """Build it into a directory and say how to use it. Raises UsageError, EngineUnavailable."""
    try:
        files = build_library(output)
    except CannotBuildLibrary as error:
        raise EngineUnavailable(f"the C library cannot be built: {error}") from error
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror or error}") from error
    say = Printer().line
    for file in files:
        say(str(file))
    where = output.resolve()
    words = [
        "cc",
        "-std=gnu99",
        f"-I{where}",
        "program.c",
        f"-L{where}",
        "-lgen_ex_copy",
        f"-Wl,-rpath,{where}",
    ]
    say(f"compile with: {shlex.join(words)}")
    return 0
