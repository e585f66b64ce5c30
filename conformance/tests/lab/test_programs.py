"""Programs in the guest: how they end, what they say, and that none can hold the guest up."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from threepce.conformance.lab import LabError
from threepce.conformance.lab.programs import LONGEST_OUTPUT, GuestPrograms
from threepce.conformance.lab.user_mode import SHARED_DIRECTORY, UserModeLab

FLOOD = "import sys; [sys.stdout.write('x' * 65536) for _ in range(64)]"


def run(script: str, seconds: float = 20, **environment: str) -> tuple[int, str]:
    """The guest's end, used right here."""
    return GuestPrograms().run([sys.executable, "-c", script], environment, seconds)


def test_exit_status_and_both_outputs_come_back(lab: UserModeLab) -> None:
    """From the guest, whose kernel is another than ours."""
    script = "import os, sys; print(os.uname().release, os.environ['SAID']); sys.exit('and this, 1')"

    end = lab.run_program([sys.executable, "-c", script], environment={"SAID": "hello"})

    assert 1 == end.exit_status
    assert {f"{lab.release} hello", "and this, 1"} == set(end.output.splitlines())


def test_a_program_that_does_not_end_is_ended(lab: UserModeLab) -> None:
    """The message has what it said so far; the guest goes on."""
    script = "import time; print('so far', flush=True); time.sleep(600)"

    with pytest.raises(LabError, match="did not end within 2 s. So far it said:\nso far"):
        lab.run_program([sys.executable, "-c", script], seconds=2)
    lab.ping()


def test_a_program_that_is_not_there_is_an_error(lab: UserModeLab) -> None:
    """Its name and the reason are told."""
    with pytest.raises(LabError, match="no-such-program cannot be started in the guest: No such file"):
        lab.run_program(["no-such-program"])


def test_a_program_beside_goes_on(lab: UserModeLab) -> None:
    """It runs while others do, and its end and output can be had."""
    script = "import os, time\nwhile not os.path.exists('/run/threepce/go'): time.sleep(0.01)\nprint('went')"
    process = lab.start_program([sys.executable, "-c", script], output=f"{SHARED_DIRECTORY}/said")

    assert lab.exit_status(process) is None
    assert 0 == lab.run_program(["touch", f"{SHARED_DIRECTORY}/go"]).exit_status
    deadline = time.monotonic() + 20
    while lab.exit_status(process) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert 0 == lab.exit_status(process)
    assert "went\n" == (lab.shared_directory / "said").read_text()


def test_output_is_bounded() -> None:
    """A program that floods does not fill the line: the beginning is kept, and the cut is told."""
    status, output = run(FLOOD)

    assert 0 == status
    assert "x" * LONGEST_OUTPUT + f"\n(the rest is left out: over {LONGEST_OUTPUT} bytes)" == output


def test_a_child_that_holds_the_output_open_does_not_hold_up_the_end() -> None:
    """A daemon that a program leaves behind inherits its output."""
    status, output = run("import subprocess; print(subprocess.Popen(['sleep', '60']).pid)")
    os.kill(int(output), signal.SIGKILL)

    assert 0 == status


def test_closed_output_is_no_end() -> None:
    """The exit status is still waited for."""
    assert (3, "") == run("import os, sys, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(3)")


def test_an_endless_flood_is_ended() -> None:
    """Time is over even while output keeps coming."""
    with pytest.raises(LabError, match="did not end within 1 s"):
        run("while True: print('x' * 1000)", seconds=1)


def test_programs_beside_are_known_by_their_number(tmp_path: Path) -> None:
    """Each has its own end."""
    programs = GuestPrograms()
    process = programs.start([sys.executable, "-c", "raise SystemExit(5)"], {}, str(tmp_path / "said"))
    deadline = time.monotonic() + 20
    while programs.exit_status(process) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert 5 == programs.exit_status(process)
