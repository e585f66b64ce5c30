"""`3pce c-library`: the library as C sees it, against `3pce serve`, and what is said when it cannot be built."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from threepce.agent import data_entity
from threepce.agent.c_library.build import CannotBuildLibrary, build_library
from threepce.agent.transports.iscsi import IscsiNexus
from threepce.conformance import cli
from threepce.emulator.cartridge.files import open_cartridge
from threepce.emulator.control.client import ControlClient
from threepce.scsi.block import Read10, Write10

PROGRAMS = Path(__file__).parent / "c_programs"
STRICT = ("-std=gnu99", "-Wall", "-Wextra", "-Werror", "-g")

BAD_BLOCK = {
    "match": {"unit": "source", "command": "READ", "lba": 3, "by": "copy manager"},
    "do": {"sense": "MEDIUM ERROR 11h/00h"},
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `3pce c-library` has filled."""
    folder = tmp_path_factory.mktemp("c") / "library"
    assert cli.run(["c-library", "--output", str(folder)]) == 0
    return folder


def compiled(library: Path, source: Path, folder: Path) -> Path:
    program = folder / source.stem
    subprocess.run(
        [
            "gcc", *STRICT, f"-I{library}", str(source),
            f"-L{library}", "-lgen_ex_copy", f"-Wl,-rpath,{library}", "-o", str(program),
        ],
        check=True,
    )  # fmt: skip
    return program


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """What `3pce serve` says of itself, while it serves; its control socket is `control` in the folder."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "threepce.conformance", "serve", *arguments,
            "--control", f"unix:{folder / 'control'}",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=20)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # The embedded Python must find its packages by itself, so neither PYTHONPATH nor PATH may help it;
    # and nothing of ours is to run in it that a user's program would not have, such as coverage.
    ours = ("PYTHON", "COVERAGE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [str(word) for word in command],
        env={**clean, "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


TWO_DISKS = ("--unit", "source=64", "--unit", "target=64")


SAN = """\
format: 1
profile: spc4
units:
  large: {type: disk, medium: large.img, size: 64M}
  small: {type: disk, medium: small.img, size: 8M}
  other: {type: disk, medium: other.img, size: 1M}
  drive: {type: tape, cartridges: [tape.tap]}
"""


def test_the_example_copies_three_disks_to_tape(library: Path, tmp_path: Path) -> None:
    """[0036]-[0045] in C: 73 MiB byte for byte, behind the annotation, over iSCSI."""
    (tmp_path / "san.yaml").write_text(SAN)
    sizes = {"large": 64 << 20, "small": 8 << 20, "other": 1 << 20}
    contents = {name: random.Random(name).randbytes(size) for name, size in sizes.items()}
    for name, content in contents.items():
        (tmp_path / f"{name}.img").write_bytes(content)
    program = compiled(library, library / "disk_to_tape.c", tmp_path)
    note = "three disks, one tape"
    with served(tmp_path, "san.yaml") as server:
        units = {unit["name"]: unit for unit in server["units"]}
        disks = [str(word) for name in sizes for word in (units[name]["lun"], sizes[name] // 512)]
        result = run(program, units["large"]["url"], str(units["drive"]["lun"]), note, *disks)

    assert (result.returncode, result.stdout) == (0, "0x000000\n"), result.stderr
    cartridge = open_cartridge(tmp_path / "tape.tap")
    try:
        recording = cartridge.partitions[0]
        blocks = [bytes(recording.read(number)) for number in range(recording.objects)]
    finally:
        cartridge.close()
    assert blocks[0] == note.encode()
    assert {len(block) for block in blocks[1:]} == {64 * 1024}
    assert b"".join(blocks[1:]) == b"".join(contents.values())


def test_the_example_says_how_it_is_called(library: Path, tmp_path: Path) -> None:
    result = run(compiled(library, library / "disk_to_tape.c", tmp_path), "one")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: ")


def test_every_bad_input_has_its_code_in_c(library: Path, tmp_path: Path) -> None:
    """The codes of [0109] to [0134] and ours; nothing ends the process."""
    program = compiled(library, PROGRAMS / "bad_input.c", tmp_path)
    with served(tmp_path, *TWO_DISKS) as server:
        url = server["units"][0]["url"]
        result = run(program, url, url.rpartition("/")[0] + "/9")

    assert result.returncode == 0, result.stderr
    codes = {
        name: int(code, 16) for name, code in (line.rsplit(" ", 1) for line in result.stdout.splitlines())
    }
    assert codes == {
        "nothing wrong": 0,
        "length alone": 0,
        "de_ent 0": 0x3,
        "de_ent -1": 0x3,
        "de NULL": 0x2001,
        "ILD_ent -1": 0x4,
        "ILD NULL": 0x2001,
        "nae 0": 0x2001,
        "nae -1": 0x2001,
        "nae 21": 0x2001,
        "n_a_e 0": 0x2001,
        "n_a_e 257": 0x2001,
        "n_a_e 2^32-1": 0x2001,
        "name without end": 0x5,
        "name of no text": 0x5,
        "name empty": 0x5,
        "not there": 0x5,
        "not SCSI": 0x5,
        "URL without sense": 0x5,
        "no engine": 0x2,
        "reserved flag": 0x2002,
        "flag of data": 0x2002,
        "LUN not there": 0x1002,
        "block length": 0x1002,
        "block length of 2^40": 0x1002,
        "type of device": 0x1002,
        "beyond the end": 0x2003,
        "beyond 64 bits": 0x2003,
        "overlap": 0x2004,
        "inline to disk": 0x9,
        "inline beyond ILD": 0x2003,
        "no stream": 0x9,
        "transfer of nothing": 0x2003,
        "port without LUN": 0x1002,
        "port not there": 0x6,
    }
    # The reason of each code but 0 is on standard error.
    assert result.stderr.count("gen_ex_copy returns 0x") == len(codes) - 2


def failing(folder: Path) -> None:
    with ControlClient(folder / "control") as client:
        client.add_faults(BAD_BLOCK)


def test_results_never_go_beyond_their_array(library: Path, tmp_path: Path) -> None:
    """[0044]: a write beyond the 16 bytes would end the program with SIGSEGV."""
    program = compiled(library, PROGRAMS / "guarded_results.c", tmp_path)
    with served(tmp_path, *TWO_DISKS) as server:
        failing(tmp_path)
        result = run(program, server["units"][1]["url"])

    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == second
    assert first.startswith("0x000006 00 10 00 00 00 ")
    assert "a5" not in first.split()[3:], "all that there is room for is filled"


def test_valgrind_sees_nothing_beyond_the_array(library: Path, tmp_path: Path) -> None:
    program = compiled(library, PROGRAMS / "guarded_results.c", tmp_path)
    valgrind = shutil.which("valgrind")
    assert valgrind is not None, "tox fetches it; Debian's package is valgrind"
    tools = Path(valgrind).parents[1] / "libexec" / "valgrind"  # where it lies when it was only unpacked
    with served(tmp_path, *TWO_DISKS) as server:
        failing(tmp_path)
        # What Python reads uninitialized is no business of ours; what is written where is.
        result = run(
            valgrind, "--error-exitcode=99", "--undef-value-errors=no", "--leak-check=no", program,
            server["units"][1]["url"], VALGRIND_LIB=str(tools),
        )  # fmt: skip

    assert result.returncode == 0, result.stderr[-3000:]
    assert "ERROR SUMMARY: 0 errors" in result.stderr
    assert result.stdout.startswith("0x000006 00 10")


def test_many_threads_may_call_at_once(library: Path, tmp_path: Path) -> None:
    """Each copies its own; signals are handled afterwards as they were before."""
    program = compiled(library, PROGRAMS / "threads.c", tmp_path)
    with served(tmp_path, *TWO_DISKS) as server:
        source, target = (unit["url"] for unit in server["units"])
        with IscsiNexus(source) as nexus:
            nexus.execute(nexus.lun, bytes(6))  # a unit attention
            content = random.Random(1).randbytes(64 * 512)
            assert (
                nexus.execute(
                    nexus.lun, Write10(logical_block_address=0, transfer_length=64).encode(), content
                ).status
                == 0
            )
        result = run(program, source)
        with IscsiNexus(target) as nexus:
            nexus.execute(nexus.lun, bytes(6))
            copied = nexus.execute(
                nexus.lun, Read10(logical_block_address=0, transfer_length=64).encode(), b"", 64 * 512
            ).data_in

    assert (result.returncode, set(result.stdout.split())) == (0, {"0x000000"}), result.stderr
    assert copied == content


def test_a_pipe_that_is_gone_does_not_end_the_program(library: Path, tmp_path: Path) -> None:
    """Python leaves SIGPIPE to be ignored, and an application in C may not ignore it."""
    program = compiled(library, PROGRAMS / "bad_input.c", tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [program, "/nowhere"],
            stdout=subprocess.PIPE,
            stderr=writer,
            timeout=60,
            text=True,
            check=False,
            restore_signals=True,
        )
    finally:
        os.close(writer)
    assert result.returncode == 0
    assert "not there 0x000005" in result.stdout


def test_a_process_that_runs_python_may_load_it(library: Path) -> None:
    code = f"import ctypes; print(ctypes.CDLL({str(library / 'libgen_ex_copy.so')!r}).gen_ex_copy(None, 0, None, 0, None))"
    result = run(sys.executable, "-c", code)
    assert (result.returncode, result.stdout) == (0, "3\n"), result.stderr


def test_the_header_says_what_the_code_says(library: Path) -> None:
    """[0071] to [0084], [0106], [0109] to [0134]: bits and codes, by their names in Python."""
    header = (library / "gen_ex_copy.h").read_text()
    numbers = {
        name: int(digits, 16) if digits else 1 << int(bit)
        for name, digits, bit in re.findall(r"#define GEC_(\w+) +(?:0x([0-9a-f]+)|\(1u << (\d+)\))", header)
    }
    codes = {code.name: code.value for code in data_entity.ReturnCode}
    assert {name: numbers.pop(name) for name in codes} == codes
    assert numbers.pop("CODE") == 0xFFFFFF
    assert numbers == {name: getattr(data_entity, name) for name in numbers}
    assert f"#define MAX_TS {data_entity.MAX_TS} " in header


def test_c_plus_plus_can_include_it(library: Path) -> None:
    compile_it = ("g++", "-fsyntax-only", "-Wall", "-Werror", "-x", "c++", str(library / "gen_ex_copy.h"))
    subprocess.run(compile_it, check=True)


def test_a_library_without_its_packages_says_so(library: Path, tmp_path: Path) -> None:
    """A copy of the program's Python that lacks them: an error of ours, never success."""
    source = tmp_path / "broken"
    source.mkdir()
    text = (library / "gen_ex_copy.h").read_text()
    (source / "gen_ex_copy.h").write_text(text)
    program = compiled(library, PROGRAMS / "bad_input.c", tmp_path)
    data = (library / "libgen_ex_copy.so").read_bytes()
    own, other = sys.executable.encode() + b"\0", b"/usr/bin/python3\0"
    assert own in data
    (source / "libgen_ex_copy.so").write_bytes(data.replace(own, other.ljust(len(own), b"\0")))
    result = run(
        program, "nowhere", LD_LIBRARY_PATH=str(source), LD_PRELOAD=str(source / "libgen_ex_copy.so")
    )

    assert {line.rsplit(" ", 1)[1] for line in result.stdout.splitlines()} == {"0x002fff"}
    assert "No module named" in result.stderr


# What is said when it cannot be built.


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"PATH": "/nowhere"}, "no C compiler: there is no cc or gcc or clang on PATH; install one"),
        ({"CC": "nowhere-cc -m64"}, "there is no nowhere-cc on PATH"),
        ({"CC": "false"}, "ended with status 1"),
    ],
)
def test_without_a_compiler_it_says_what_to_install(
    environment: dict[str, str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert cli.run(["c-library", "--output", str(tmp_path / "out")]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("3pce: the C library cannot be built: ")
    assert text in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"INCLUDEPY": "/nowhere"}, "no headers of Python: there is no /nowhere/Python.h; install them"),
        ({"LDLIBRARY": "libpython3.99.a", "INSTSONAME": ""}, "has no shared library to be embedded with"),
        ({"INSTSONAME": "libpython9.so", "LIBDIR": "/nowhere"}, "(libpython9.so in /nowhere or "),
    ],
)
def test_without_the_parts_of_python_it_says_what_to_install(
    variables: dict[str, str], text: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotBuildLibrary, match=re.escape(text)):
        build_library(tmp_path / "out", variables={**sysconfig.get_config_vars(), **variables})
    assert not (tmp_path / "out").exists()


def test_without_cffi_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cffi", None)
    with pytest.raises(
        CannotBuildLibrary, match=re.escape("cffi is not installed: pip install 'threepce[c]'")
    ):
        build_library(tmp_path / "out")


def test_an_output_that_is_a_file_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "file"
    target.touch()
    assert cli.run(["c-library", "--output", str(target)]) == 2
    assert f"--output {target}: File exists" in capsys.readouterr().err
