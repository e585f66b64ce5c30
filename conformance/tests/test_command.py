"""The `3pce` command: selection, exit statuses, reports, isolation, and messages for bad input.

Most tests call the command in this process; those about a process's surroundings start one.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from threepce.conformance import cli
from threepce.conformance.console import Printer
from threepce.conformance.engines import Bench, UnitRequest
from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.errors import EngineUnavailable
from threepce.conformance.history import cases, read_history
from threepce.conformance.verdict import judge
from threepce.scsi.nexus import Completion, NexusLost

Command = Callable[..., subprocess.CompletedProcess[str]]

FAILING = ("expect: {status: GOOD}", "expect: {status: BUSY}")
WARNING = (
    "expect: {status: GOOD}",
    "expect: {status: BUSY, or: [{status: GOOD, verdict: warn, because: it copies}]}",
)
LACKING = (
    "steps:\n",
    "steps:\n  - test unit ready: {to: dst}\n"
    "    expect: {status: BUSY, or: [{status: GOOD, verdict: unsupported, because: never busy}]}\n",
)
BROKEN = ("number_of_blocks: 8", "number_of_blocks: 8 // (limit - limit)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scenario(good: str, name: str, *changes: tuple[str, str]) -> str:
    """Write a scenario with this name and return its file."""
    text = good.replace("test/copies-blocks", f"test/{name}")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path(f"{name}.yaml").write_text(text)
    return f"{name}.yaml"


def run(*arguments: str) -> int:
    return cli.run(["test", *arguments])


def results() -> dict[str, str]:
    """The verdicts in the latest report."""
    document = json.loads(Path("3pce-report/latest/results.json").read_text())
    return {result["case"]: result["verdict"] for result in document["results"]}


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ({"good": ()}, 0),
        ({"good": (), "warning": (WARNING,), "lacking": (LACKING,)}, 0),
        ({"good": (), "failing": (FAILING,)}, 1),
        ({"good": (), "failing": (FAILING,), "broken": (BROKEN,)}, 3),
        ({"lacking": (LACKING,)}, 4),
    ],
)
def test_exit_status(
    folder: Path, good: str, kinds: dict[str, tuple[tuple[str, str], ...]], status: int
) -> None:
    files = [scenario(good, name, *changes) for name, changes in kinds.items()]

    assert run(*files) == status
    assert results() == {
        f"test/{name}": {"good": "pass", "warning": "warn", "lacking": "unsupported", "failing": "fail"}.get(
            name, "error"
        )
        for name in kinds
    }
    for events in cases(read_history(Path("3pce-report/latest/history.jsonl"))).values():
        assert str(judge(events).verdict) == results()[events[0]["case"]]


def test_the_console(folder: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [scenario(good, "good"), scenario(good, "failing", FAILING), scenario(good, "lacking", LACKING)]

    run(*files, "--engine", "emulator", "--engine", "emulator:lio-6.1")

    said = capsys.readouterr().out
    assert said.isascii()
    assert (
        f"""
FAIL  test/failing [emulator:spc4]
    SPC-4 6.4.6.4 (shall): Blocks are copied
    This is what the command is for.
    step 2: EXTENDED COPY(LID1) ({folder}/failing.yaml:14)
      expected  BUSY
      actual    GOOD
"""
        in said
    )
    assert "    again: 3pce test test/failing --engine emulator:spc4 -vv\n" in said
    assert (
        """
scenario      emulator:spc4  emulator:lio-6.1
------------  -------------  ----------------
test/failing  fail           fail
test/good     pass           pass
test/lacking  unsupported    unsupported
"""
        in said
    )
    assert "unsupported  test/lacking\n    emulator:spc4: never busy\n" in said
    assert (
        "6 run: 2 pass, 0 info, 0 warn, 2 unsupported, 0 skipped, 2 fail, 0 inconclusive, 0 error; " in said
    )
    assert "report: 3pce-report/2" in said


def test_more_words(folder: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = scenario(good, "good")

    run(file, "-v")
    assert "    EXTENDED COPY(LID1) -> dst  [108 bytes out]  =>  GOOD\n" in capsys.readouterr().out
    run(file, "-vv")
    assert "block_device_number_of_blocks = 8\n" in capsys.readouterr().out


def test_junit_tells_failure_error_and_skip_apart(folder: Path, good: str) -> None:
    kinds = {
        "good": (),
        "warning": (WARNING,),
        "failing": (FAILING,),
        "broken": (BROKEN,),
        "lacking": (LACKING,),
    }
    files = [scenario(good, name, *changes) for name, changes in kinds.items()]

    run(*files, "--junit", "out.xml", "--json", "out.json", "--report", "there")

    suite = ET.parse("out.xml").getroot()[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    by_name = {element.get("name"): element for element in suite}
    tags = {
        name: [child.tag for child in element if child.tag != "properties"]
        for name, element in by_name.items()
    }
    assert tags == {
        "test/good@emulator:spc4": [],
        "test/warning@emulator:spc4": [],
        "test/failing@emulator:spc4": ["failure"],
        "test/broken@emulator:spc4": ["error"],
        "test/lacking@emulator:spc4": ["skipped"],
    }
    properties = {item.get("name"): item.get("value") for item in by_name["test/warning@emulator:spc4"][0]}
    assert properties == {
        "engine": "emulator:spc4",
        "clause": "SPC-4 6.4.6.4",
        "level": "shall",
        "title": "Blocks are copied",
        "verdict": "warn",
        "scenario": "test/warning",
    }
    assert by_name["test/lacking@emulator:spc4"][1].get("message") == "never busy"
    assert "expected  BUSY" in (by_name["test/failing@emulator:spc4"][1].text or "")
    assert Path("out.json").read_text() == Path("there/results.json").read_text()
    assert not Path("3pce-report").exists()


def test_last_failed_and_keyword(folder: Path, good: str) -> None:
    files = [scenario(good, name, *changes) for name, changes in {"good": (), "failing": (FAILING,)}.items()]

    assert run(*files) == 1
    assert run(*files, "--lf") == 1
    assert results() == {"test/failing": "fail"}
    assert run(*files, "-k", "good") == 0
    assert results() == {"test/good": "pass"}
    assert Path(".3pce/cache").is_dir()
    assert not Path(".pytest_cache").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere/*"], 4, "nothing matches nowhere/*; 3pce test --list shows all "),
        (["spc4/6.4-extended-cpy"], 4, "nothing matches spc4/6.4-extended-cpy, did you mean spc4/6.4-extended-copy?"),
        (["--list", "nowhere/*"], 4, "nothing matches nowhere/*"),
        (["none.yaml"], 2, "none.yaml: no such file or folder; give a scenario file"),
        (["good.yaml", "--engine", "emulatr"], 2, "unknown engine 'emulatr', did you mean emulator:spc4"),
        (["good.yaml", "-n", "many"], 2, "-n many: expected a number of worker processes, or auto"),
        (["good.yaml", "--junit", "no/where.xml"], 2, "--junit no/where.xml: the folder "),
        (["good.yaml", "--report", "good.yaml"], 2, "good.yaml: no report can be written there: File exists"),
        (["--frobnicate"], 2, "--frobnicate"),
        (["--seed", "x"], 2, "Invalid value for '--seed'"),
        (["unknown-key.yaml"], 2, "unknown-key.yaml:3:1 titel: unknown key, did you mean title?"),
        (["duplicate.yaml"], 2, "duplicate.yaml:6:1 level: this key appears twice, first in line 5; remove one"),
        (["type.yaml"], 2, "type.yaml:15:11 steps[1].extended copy.to: expected the name of a unit, got 5"),
        (["range.yaml"], 2, "number_of_blocks: expected 0 to 65535 (block_device_number_of_blocks has 16 bits), got 65536"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message(
    folder: Path,
    good: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    scenario(good, "good")
    scenario(good, "unknown-key", ("title:", "titel:"))
    scenario(good, "duplicate", ("level: shall\n", "level: shall\nlevel: may\n"))
    scenario(good, "type", ("to: dst\n", "to: 5\n"))
    scenario(good, "range", ("number_of_blocks: 8", "number_of_blocks: 0x10000"))

    assert run(*arguments) == status

    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err + said.out


def test_a_keyword_that_matches_nothing(folder: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = scenario(good, "good")

    assert run(file, "-k", "nonesuch") == 4
    assert "nothing ran: -k 'nonesuch' selects none of the cases" in capsys.readouterr().out
    assert run(file, "-k", "a b c (") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_lio_to_be_had(
    folder: Path, good: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREEPCE_USER_MODE_LINUX", str(folder / "nothing-here"))
    monkeypatch.setattr("threepce.conformance.lab.own_kernel.why_not_own_kernel", lambda: "no modules")
    files = [scenario(good, "good"), scenario(good, "other")]

    assert run(*files, "--engine", "lio") == 3

    said = capsys.readouterr()
    assert (said.out + said.err).count("engine lio: ") == 1
    assert "nothing-here" in said.out
    assert "0 run: " in said.out
    assert Path("3pce-report/latest/results.json").exists()
    assert Path("3pce-report/latest/junit.xml").exists()
    assert cli.run(["limits", "lio"]) == 3
    assert "engine lio: " in capsys.readouterr().err


class Dying(EmulatorEngine):
    """Dies in its first case and is well again after that."""

    died = False

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        bench = super().prepare(units)
        return bench if self.died else bench._replace(nexus=self)

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        raise NexusLost("The guest died. Its console ends with:\nKernel panic")

    def recover(self, error: Exception) -> None:
        self.died = True


class NeverThere(EmulatorEngine):
    """Cannot be prepared."""

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        raise EngineUnavailable("engine emulator:spc4: nothing there")


def test_an_engine_that_dies_spoils_one_case(
    folder: Path, good: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("threepce.conformance.cases.parse_engine", lambda name: Dying("spc4"))
    files = [scenario(good, "first"), scenario(good, "second")]

    assert run(*files) == 3

    assert results() == {"test/first": "error", "test/second": "pass"}
    said = capsys.readouterr().out
    assert (
        "ERROR  test/first [emulator:spc4]\n    NexusLost: The guest died. Its console ends with:\n    Kernel panic\n"
        in said
    )
    errors = list(ET.parse("3pce-report/latest/junit.xml").iter("error"))
    assert len(errors) == 1


def test_one_cause_is_told_once(
    folder: Path, good: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("threepce.conformance.cases.parse_engine", lambda name: NeverThere("spc4"))
    files = [scenario(good, "first"), scenario(good, "second")]

    assert run(*files) == 3

    assert capsys.readouterr().out.count("nothing there") == 1


def test_selectors(folder: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "spc4/6.4-extended-copy/copies-blocks/block_length:512") == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].rsplit("/", 1)[1] for line in listed] == [
        "blocks:1",
        "blocks:8",
        "blocks:255",
    ]
    assert run("--list", "spc4/**/block_length:*/blocks:8", "spc4/*/too-many-cscd*") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run("spc4/6.4-extended-copy/copies-blocks/*/blocks:8", scenario(good, "good")) == 0
    assert sorted(results()) == [
        "spc4/6.4-extended-copy/copies-blocks/block_length:4096/blocks:8",
        "spc4/6.4-extended-copy/copies-blocks/block_length:512/blocks:8",
        "test/good",
    ]
    Path("inner").mkdir()
    Path("good.yaml").rename("inner/good.yaml")
    assert run("inner") == 0
    assert list(results()) == ["test/good"]


def test_a_hostile_folder_changes_nothing(command: Command, tmp_path: Path, good: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('read me not')\n")
    (tmp_path / "good.yaml").write_text(good)

    done = command("test", "good.yaml", PYTEST_ADDOPTS="--more-nonsense", PYTEST_PLUGINS="no_such_plugin")

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 run: 1 pass" in done.stdout


def test_workers(command: Command, tmp_path: Path, good: str) -> None:
    for name in ("a", "b", "c", "d"):
        change = FAILING if name == "c" else ("x", "x")
        (tmp_path / f"{name}.yaml").write_text(good.replace("copies-blocks", name).replace(*change))
    (tmp_path / "conftest.py").write_text("raise RuntimeError('read me not')\n")

    done = command("test", ".", "-n", "2", PYTEST_ADDOPTS="--nonsense")

    assert done.returncode == 1
    assert "4 run: 3 pass, 0 info, 0 warn, 0 unsupported, 0 skipped, 1 fail" in done.stdout
    suite = ET.parse(tmp_path / "3pce-report/latest/junit.xml").getroot()[0]
    verdicts = suite.findall("*/properties/property[@name='verdict']")
    assert sorted(str(item.get("value")) for item in verdicts) == ["fail", "pass", "pass", "pass"]


def test_a_worker_that_dies_is_told_of(command: Command, tmp_path: Path, good: str) -> None:
    (tmp_path / "a.yaml").write_text(good)
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "from threepce.conformance.engines.emulator import EmulatorEngine\n"
        "def die(*_):\n    os._exit(7)\n"
        "EmulatorEngine.prepare = die\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])

    done = command("test", "a.yaml", "-n", "1", PYTHONPATH=path)

    assert done.returncode == 3
    assert "crashed" in done.stdout
    assert json.loads((tmp_path / "3pce-report/latest/results.json").read_text())["problems"]


def test_termination_leaves_the_reports(tmp_path: Path, good: str) -> None:
    axes = good.replace("steps:\n", "axes: {n: [" + ", ".join(map(str, range(200))) + "]}\nsteps:\n")
    for name in ("a", "b", "c", "d", "e", "f"):
        (tmp_path / f"{name}.yaml").write_text(axes.replace("copies-blocks", name))
    process = subprocess.Popen(
        [sys.executable, "-m", "threepce.conformance", "test", ".", "-v"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "pass" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted; what follows is about the cases that ended before" in said
    report = tmp_path / "3pce-report" / "latest"
    assert json.loads((report / "results.json").read_text())["interrupted"] is True
    assert ET.parse(report / "junit.xml").getroot().tag == "testsuites"


def test_the_plugin_costs_nothing_where_it_is_not_used(tmp_path: Path, good: str) -> None:
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n"
        "    ours = [name for name in sys.modules if name.startswith('threepce.conformance.')]\n"
        "    assert ours == ['threepce.conformance.pytest_plugin']\n"
    )
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "threepce.conformance.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    unused = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    used = subprocess.run(
        [*arguments, "good.yaml", "--copy-engine", "emulator"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wrong = subprocess.run(
        [*arguments, "good.yaml", "--copy-engine", "emulatr"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "1 passed" in unused.stdout
    assert "1 passed" in used.stdout
    assert "unknown engine 'emulatr'" in wrong.stderr
    assert wrong.returncode == 4


def test_limits(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["limits", "emulator:lio-6.1"]) == 0
    said = capsys.readouterr().out
    assert "  CSCD descriptors     at most 2\n" in said
    assert "  segment types        02h block to block\n" in said
    assert cli.run(["limits", "emulator", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["operating_parameters"]["maximum_cscd_descriptor_count"] >= 2
    assert cli.run(["limits", "sg:/dev/no-such-device"]) == 3
    assert "/dev/no-such-device: no such file" in capsys.readouterr().err
    assert cli.run(["limits", "sg:"]) == 2
    assert cli.run(["limits", "nonesuch.yaml#unit"]) == 3
    assert cli.run(["limits", "nonesuch"]) == 2


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "scenarios" in said
    assert "LIO lab" in said


def test_a_folder_holds_other_files_too(command: Command, tmp_path: Path, good: str) -> None:
    (tmp_path / "good.yaml").write_text("# a comment first\n" + good)
    (tmp_path / "other.yaml").write_text("format: 1\nprofile: mine\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "threepce.conformance.pytest_plugin",
        "--copy-engine",
        "emulator",
    ]

    done = subprocess.run(
        [*arguments, "--collect-only", "-q", "."],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "1 test collected" in done.stdout
    assert "good.yaml::test/copies-blocks@emulator:spc4" in done.stdout


def test_version_and_help(command: Command) -> None:
    assert command("--version").stdout.startswith("3pce ")
    done = command("--help")
    assert done.returncode == 0
    assert "doctor" in done.stdout


def test_a_defect_of_ours_is_no_failure_of_an_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: list[str]) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("threepce.conformance.front.select", broken)

    assert run() == 3
    assert "this is a defect of 3pce" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [KeyboardInterrupt, BrokenPipeError])
def test_other_ends(monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]) -> None:
    def ended(_: list[str]) -> None:
        raise kind

    monkeypatch.setattr("threepce.conformance.front.select", ended)
    monkeypatch.setattr("sys.stderr", io.StringIO())

    assert run() == (130 if kind is KeyboardInterrupt else 0)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_colour_and_progress(
    folder: Path, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [scenario(good, "good"), scenario(good, "failing", FAILING), scenario(good, "warning", WARNING)]
    stream = Terminal()
    monkeypatch.setattr("threepce.conformance.cli.Printer", lambda: Printer(stream), raising=False)
    monkeypatch.setattr("threepce.conformance.console.Printer", lambda: Printer(stream))
    monkeypatch.setenv("TERM", "xterm-256color")

    assert run(*files) == 1

    said = stream.getvalue()
    assert "\x1b[2K" in said
    assert "1/3  test/good [emulator:spc4]" in said
    assert "test/failing" in said
