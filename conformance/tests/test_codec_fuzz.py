"""The campaign of mutated bytes: twenty seconds of it, and that it finds what is there to find."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"
SECONDS, SEED = 20, 99143


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The campaign as a module; it is a program, in a folder of its own."""
    monkeypatch.syspath_prepend(str(FUZZ))
    yield importlib.import_module("codec")
    for name in ("codec", "mutations", "targets"):
        sys.modules.pop(name, None)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FUZZ / "codec.py"), "--failures", str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_no_decoder_raises_what_it_does_not_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Always the same items, as many as the seconds allow; `tox -e fuzz` runs a million."""
    done = run("--seconds", str(SECONDS), "--seed", str(SEED), folder=tmp_path)

    with capsys.disabled():
        print("\n    " + done.stdout.replace("\n", "\n    "))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {SEED}" in done.stdout


def test_an_item_is_a_function_of_two_numbers(codec: Any) -> None:
    """What failed once can be made again."""
    seeds = list(codec.table_seeds(codec.tables()))
    first, second, other = (codec.Mutator(seeds, seed) for seed in (1, 1, 2))

    assert [first.item(n) for n in range(200)] == [second.item(n) for n in range(200)]
    assert [first.item(n) for n in range(200)] != [other.item(n) for n in range(200)]


def test_decoders_are_found_by_walking(codec: Any) -> None:
    """Tables, values, functions, text, and each of the choices a function has."""
    names = {target.name for target in codec.find_targets()}

    assert {
        "cscd.IdentificationCscd.decode",
        "scsi.sense.Sense.decode(forwarded=SPC_4)",
        "scsi.sense.Sense.decode(forwarded=SG3_UTILS)",
        "scsi.segment.walk_segments(dialect=T10_99_143)",
        "scsi.list_header.Header143Layout.decode()",
        "scsi.dissect_sense.dissect_sense(offset=0)",
        "conformance.explain.hexadecimal.parse_hex()",
        "explain",
    } <= names


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", bytes(7), bytes(600), b"\xff" * 600])
def test_every_decoder_on_next_to_nothing(codec: Any, data: bytes) -> None:
    """The shortest bytes there are, and bytes that are all alike."""
    found = [codec.attempt(target, data, 0)[1] for target in codec.find_targets()]

    assert [] == [failure for failure in found if failure is not None]


@pytest.mark.parametrize(
    ("body", "says", "found"),
    [
        ("raise KeyError(data)", "Raises DecodeError.", "KeyError"),
        ("raise ValueError(data)", "Raises DecodeError.", "ValueError"),
        ("raise ValueError(data)", "Raises ValueError.", None),
        ("raise UnicodeError(data)", "Raises ValueError.", None),
        ("raise DecodeError(data)", "", None),
        ("while True: pass", "", "processor time"),
        ("return bytes(64 << 20)", "", "KiB at its peak"),
        ("return None", "", None),
    ],
)
def test_what_a_decoder_may_do(
    codec: Any, monkeypatch: pytest.MonkeyPatch, body: str, says: str, found: str | None
) -> None:
    """DecodeError, and what it says; and it ends, and does not fill the memory."""
    monkeypatch.setattr(codec, "SECONDS", 0.05)
    names: dict[str, Any] = {"DecodeError": codec.is_fine.__globals__["DecodeError"]}
    exec(f"def decode(data):\n    {body}", names)
    before = signal.signal(signal.SIGVTALRM, codec._too_long)
    try:
        _, failure = codec.attempt(codec.Target("it", names["decode"], says), b"\1\2", 7, measured=True)
    finally:
        signal.signal(signal.SIGVTALRM, before)

    assert (failure is None) is (found is None)
    assert found is None or found in failure.what


def test_a_table_that_encodes_other_bytes_is_a_failure(codec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To come back the same is part of decoding."""
    target = next(t for t in codec.find_targets() if t.name == "copy_results.HeldDataHeader.decode")
    monkeypatch.setattr(target.table, "encode", lambda self: b"\0\0\0\0")

    _, failure = codec.attempt(target, b"\0\0\0\1", 0)

    assert "encodes to 00000000, decoded from 00000001" in failure.what


def test_a_failure_can_be_run_again(codec: Any, tmp_path: Path) -> None:
    """Its bytes are in a file, and the line to type is printed."""
    bad = codec.Target("it", lambda data: {}[data], "")
    campaign = codec.Campaign([bad] * codec.SHARE, codec.Mutator(list(codec.table_seeds(codec.tables())), 1))

    campaign.run(50, None)
    (failure,) = campaign.failures
    line = codec.written(failure, tmp_path)
    (path,) = tmp_path.iterdir()

    assert 50 == campaign.items
    assert path.read_bytes() == failure.data
    assert line.endswith(f"--reproduce {path} --target 'it'")
    assert [failure.what] == [again.what for again in codec.reproduce([bad], path, "it")]
    assert "KeyError" in failure.trace
