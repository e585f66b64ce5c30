"""Builds the shared library: cffi writes the C, the compiler of this machine compiles it.

The library embeds the Python that builds it, so it is for this machine and this installation. Where
something is missing, :class:`CannotBuildLibrary` says what and what to install; then nothing is
written.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

__all__ = ["EXAMPLE", "HEADER", "LIBRARY", "CannotBuildLibrary", "build_library", "structures"]

LIBRARY, HEADER, EXAMPLE = "libgen_ex_copy.so", "gen_ex_copy.h", "disk_to_tape.c"
SOURCE = "library.c"
MODULE = "_gen_ex_copy_library"
COMPILERS = ("cc", "gcc", "clang")

FROM, TO = "/* The structures. */", "/* End of the structures. */"

TYPES = "typedef unsigned char u_char; typedef unsigned int u_int; typedef unsigned long u_long;\n"
"""What <sys/types.h> says; cffi reads no header of the system."""

FUNCTION = """
void gen_ex_copy_in_python(data_entity_t *de, int de_ent, u_char *ILD, int ILD_ent, u_char *rcr, int *code);
"""

INITIALIZATION = f"""
from {MODULE} import ffi
from threepce.agent.c_library import entry

@ffi.def_extern()
def gen_ex_copy_in_python(de, de_ent, ILD, ILD_ent, rcr, code):
    code[0] = entry.call(ffi, de, de_ent, ILD, ILD_ent, rcr)
"""


class CannotBuildLibrary(Exception):
    """Something that the build needs is not here; the message says what to install."""


def structures() -> str:
    """The header's structures as cffi wants them: declarations alone."""
    text = _shipped(HEADER)
    return TYPES + text[text.index(FROM) : text.index(TO)]


def build_library(
    directory: Path,
    *,
    environment: Mapping[str, str] = os.environ,
    variables: Mapping[str, str] | None = None,
) -> list[Path]:
    """Put the library, its header and the example into a directory; the files, the library first.

    `environment` names the compiler (CC, else cc or what else there is) and where to look for it; `variables` are those of
    `sysconfig`, which say where Python's own headers and library are. Raises CannotBuildLibrary, OSError.
    """
    variables = sysconfig.get_config_vars() if variables is None else variables
    compiler = _compiler(environment)
    headers = _headers(variables)
    python = _python_library(variables)
    with tempfile.TemporaryDirectory(prefix="gen_ex_copy-") as folder:
        work = Path(folder)
        for name in (HEADER, SOURCE):
            (work / name).write_text(_shipped(name), "utf-8")
        _write_c(work / f"{MODULE}.c")
        _compile(
            [
                *compiler, "-shared", "-fPIC", "-O2", "-fvisibility=hidden",
                f'-DTHREEPCE_PYTHON="{_c_string(sys.executable)}"',
                f"-I{headers}", f"{MODULE}.c", str(python), f"-Wl,-rpath,{python.parent}",
                "-lpthread", "-o", LIBRARY,
            ],
            work,
        )  # fmt: skip
        directory.mkdir(parents=True, exist_ok=True)
        (work / EXAMPLE).write_text(_shipped(EXAMPLE), "utf-8")
        return [Path(shutil.move(work / name, directory / name)) for name in (LIBRARY, HEADER, EXAMPLE)]


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _c_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _compiler(environment: Mapping[str, str]) -> list[str]:
    chosen = shlex.split(environment.get("CC", ""))
    for name in chosen[:1] or COMPILERS:
        found = shutil.which(name, path=environment.get("PATH"))
        if found is not None:
            return [found, *chosen[1:]]
    raise CannotBuildLibrary(
        f"no C compiler: there is no {' or '.join(chosen[:1] or COMPILERS)} on PATH; install one (Debian: "
        "apt-get install gcc libc6-dev), or name another in CC"
    )


def _headers(variables: Mapping[str, str]) -> Path:
    directory = Path(variables.get("INCLUDEPY", ""))
    if not (directory / "Python.h").is_file():
        raise CannotBuildLibrary(
            f"no headers of Python: there is no {directory / 'Python.h'}; install them (Debian: apt-get "
            "install python3-dev)"
        )
    return directory


def _python_library(variables: Mapping[str, str]) -> Path:
    name = str(variables.get("INSTSONAME") or variables.get("LDLIBRARY", ""))
    # LIBDIR is wrong in a Python that was moved after it was built.
    directories = [Path(variables.get("LIBDIR", "")), Path(sys.base_prefix, "lib")]
    for directory in directories:
        if ".so" in name and (directory / name).is_file():
            return directory / name
    raise CannotBuildLibrary(
        f"{sys.executable} has no shared library to be embedded with ({name or 'libpython'} in "
        f"{' or '.join(map(str, directories))}); install it (Debian: apt-get install libpython3-dev), or "
        "use a Python that was built with --enable-shared"
    )


def _write_c(target: Path) -> None:
    if importlib.util.find_spec("cffi") is None:
        raise CannotBuildLibrary("cffi is not installed: pip install 'threepce[c]'")
    from cffi import FFI

    builder = FFI()
    builder.cdef(structures())
    builder.embedding_api(FUNCTION)
    builder.set_source(MODULE, f'#include "{SOURCE}"')
    builder.embedding_init_code(INITIALIZATION)
    with contextlib.redirect_stdout(io.StringIO()):  # it says which file it writes
        builder.emit_c_code(str(target))


def _compile(command: list[str], work: Path) -> None:
    result = subprocess.run(  # noqa: S603  (the compiler that the user has chosen)
        command, cwd=work, capture_output=True, text=True, errors="replace", check=False
    )
    if result.returncode:
        raise CannotBuildLibrary(
            f"{shlex.join(command)} ended with status {result.returncode}:\n{result.stderr.strip()}"
        )
