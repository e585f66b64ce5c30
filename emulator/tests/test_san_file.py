"""SAN files: what they build, and what each mistake in one is told as."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threepce.emulator.disk import Disk
from threepce.emulator.san_file import SanFile, SanFileError, UnitEntry, load_san_file

TARGET = "iqn.2026-01.example:disks"
GOOD = """\
format: 1
profile: lio-6.1
units:
  source: {type: disk, medium: memory, block_length: 4096, size: 1M, serial: "0a01"}
  archive: {medium: archive.img, size: 2048, write_protected: true}
targets:
  iqn.2026-01.example:disks: {alias: both, luns: {0: source, 3: archive}}
  iqn.2026-01.example:one: {luns: {0: archive}}
initiators:
  iqn.2026-01.example:host:
    chap: {name: host, secret: top secret, target_name: san, target_secret: even more so}
    luns: {iqn.2026-01.example:disks: {7: archive}}
  iqn.2026-01.example:guest: {}
"""


def load(text: str, folder: Path) -> SanFile:
    path = folder / "san.yaml"
    path.write_text(text, "utf-8")
    return load_san_file(path, default_target=TARGET)


def complaints(text: str, folder: Path) -> list[str]:
    with pytest.raises(SanFileError) as caught:
        load(text, folder)
    return [str(error).replace(f"{folder}/", "") for error in caught.value.errors]


def test_a_whole_file(tmp_path: Path) -> None:
    found = load(GOOD, tmp_path)
    san = found.build()

    source, archive = san.units.values()
    assert isinstance(source, Disk)
    assert isinstance(archive, Disk)
    assert ("source", "0a01", 4096, 256) == (source.name, source.serial, source.block_length, source.blocks)
    assert (512, 2048, True) == (archive.block_length, archive.blocks, archive.write_protected)
    assert (tmp_path / "archive.img").stat().st_size == 2048 * 512
    assert "lio-6.1" == san.profile.name
    assert [{0: "source", 3: "archive"}, {0: "archive"}] == [target.luns for target in found.targets]
    assert "both" == found.targets[0].alias
    assert found.initiators is not None
    host, guest = found.initiators
    assert host.luns == {TARGET: {7: "archive"}}
    assert host.chap["target_secret"] == "even more so"
    assert (None, {}) == (guest.luns, guest.chap)
    san.close()


def test_the_shortest_file(tmp_path: Path) -> None:
    """One target with all units in their order, open to everybody."""
    found = load("format: 1\nunits:\n  b: {size: 1K}\n  a: {size: 1G}\n", tmp_path)

    assert ("spc4", None) == (found.profile, found.initiators)
    assert [(TARGET, {0: "b", 1: "a"})] == [(target.name, target.luns) for target in found.targets]
    assert [2, 1 << 21] == [unit.blocks for unit in found.units if isinstance(unit, UnitEntry)]
    assert "lio-6.1" == found.with_profile("lio-6.1").profile


UNITS = "units:\n  a: {size: 1M}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "san.yaml:1:1: the file is empty"),
        ("format: 1\nunits: {a: {size: 1M}, a: {size: 1M}}\n", "san.yaml:2:24 units.a: this key appears twice, first in line 2; remove one"),
        ("units: {a: {size: 1M}}\n", "expected 'format: 1' at the top of a SAN file"),
        ("format: 1\n", "expected at least one unit"),
        ("format: 1\nunits: 5\n", "units: expected keys and values, got 5"),
        ("format: 1\nunits: {a: 5}\n", "units.a: expected keys and values, got 5"),
        ("format: 1\nunit: {}\n" + UNITS, "san.yaml:2:1 unit: unknown key; did you mean units?"),
        ("format: 1\nunits: {a: {sice: 1M, size: 1M}}\n", "san.yaml:2:13 units.a.sice: unknown key; did you mean size?"),
        ("format: 1\nunits: {a: {colour: red, size: 1M}}\n", "unknown key; there are block_length, medium, names, serial, size, type, write_protected"),
        ("format: 1\nprofile: nonsense\n" + UNITS, "san.yaml:2:10 profile: no profile is called 'nonsense'"),
        ("format: 1\nunits: {a: {size: 1M, type: robot}}\n", "units.a.type: expected disk or processor or tape, got 'robot'"),
        ("format: 1\nunits: {a: {}}\n", "expected a number of blocks, or of bytes with K, M, G or T, up to 1048576T; got None"),
        ("format: 1\nunits: {a: {size: 0}}\n", "got 0"),
        ("format: 1\nunits: {a: {size: -1}}\n", "got -1"),
        ("format: 1\nunits: {a: {size: true}}\n", "got True"),
        ("format: 1\nunits: {a: {size: 12X}}\n", "got '12X'"),
        ("format: 1\nunits: {a: {size: 9999999T}}\n", "got '9999999T'"),
        ("format: 1\nunits: {a: {size: 1K, block_length: 4096}}\n", "1K is no multiple of the block length 4096"),
        ("format: 1\nunits: {a: {size: 1M, block_length: 500}}\n", "units.a.block_length: expected one of (512, 1024, 2048, 4096), got 500"),
        ("format: 1\nunits: {a: {size: 1M, serial: 0x12}}\n", "units.a.serial: expected text, got 18 (put a number into quotes)"),
        ("format: 1\nunits: {a: {size: 1M, serial: \u00e4}}\n", "expected up to 251 printable ASCII characters, got '\u00e4'"),
        ('format: 1\nunits: {a: {size: 1M, serial: ""}}\n', "units.a.serial: expected text, got ''"),
        ("format: 1\nunits: {a: {size: 1M, write_protected: yes}}\n", "expected true or false, got 'yes'"),
        ("format: 1\nunits: {a: {size: 1M, write_protected: 1}}\n", "expected true or false, got 1"),
        ("format: 1\nunits: {a: {size: 1M, block_length: 0}}\n", "units.a.block_length: expected one of"),
        ("format: 1\nunits: {a: {size: 1M, serial: s}, b: {size: 1M, serial: s}}\n", "units.b.serial: unit a has s already"),
        ("format: 1\nunits: {a: {size: 1M, medium: x}, b: {size: 1M, medium: ./x}}\n", "units.b.medium: unit a has"),
        ("format: 1\nunits: {a: {size: 1M, medium: small.img}}\n", "small.img has 512 bytes, the size of the unit is 1048576: give the unit the size of the file, or make the file longer with 'truncate --size 1048576"),
        ("format: 1\nunits: {a: {size: 1M, medium: folder}}\n", "folder is no regular file; name a file, or 'memory'"),
        ("format: 1\nunits: {a: {size: 1M, medium: nowhere/x.img}}\n", "cannot be made: nowhere is no folder that can be written to"),
        ("format: 1\nunits: {a: {size: 1M, medium: small.img/x}}\n", "small.img/x: Not a directory"),
        ("format: 1\n" + UNITS + "targets: {}\n", "expected at least one target, or no 'targets' at all"),
        ("format: 1\n" + UNITS + "targets: {disk: {luns: {0: a}}}\n", "san.yaml:4:11 targets.disk: expected an iSCSI name such as iqn.2026-01.example:disk"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{}}}}\n", "expected the units of the target: luns: {0: name}"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{luns: {{x: a}}}}}}\n", "expected a LUN from 0 to 16383, got 'x'"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{luns: {{16384: a}}}}}}\n", "got '16384'"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{luns: {{0: aa}}}}}}\n", "there is no unit 'aa'; did you mean a?"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{luns: {{0: zzz}}}}}}\n", "there is no unit 'zzz'"),
        ("format: 1\n" + UNITS + f"targets: {{{TARGET}: {{luns: {{0: a, 1: a}}}}}}\n", "unit a has another LUN here already"),
        ("format: 1\n" + UNITS + f"initiators: {{{TARGET}: {{luns: {{iqn.2026-01.x:y: {{0: a}}}}}}}}\n", "there is no target iqn.2026-01.x:y"),
        ("format: 1\n" + UNITS + f"initiators: {{{TARGET}: {{chap: {{name: x}}}}}}\n", "expected both name and secret, or neither"),
        ("format: 1\n" + UNITS + f"initiators: {{{TARGET}: {{chap: {{target_name: x, target_secret: y}}}}}}\n", "expected the name and secret with which the initiator proves itself"),
        ("format: 1\n" + UNITS + f"initiators: {{{TARGET}: {{chap: {{name: x, secret: y, target_name: z, target_secret: y}}}}}}\n", "expected two different secrets"),
        ("format: 1\n" + UNITS + f"initiators: {{{TARGET}: {{chap: {{name: x, secret: 12345}}}}}}\n", "expected text, got 12345 (put a number into quotes)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "small.img").write_bytes(bytes(512))
    (tmp_path / "folder").mkdir()

    found = complaints(text, tmp_path)

    assert any(expected in line.replace(f"{tmp_path}/", "") for line in found), found
    assert all(line.startswith("san.yaml:") for line in found)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = "format: 2\nunits:\n  a: {size: 0}\n  b: {size: 1M, type: robot}\n"

    assert ["1:9", "3:13", "4:23"] == [
        line.split(" ")[0].removeprefix("san.yaml:") for line in complaints(text, tmp_path)
    ]


def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "image").write_bytes(bytes(1 << 20))
    monkeypatch.setattr(os, "access", lambda *_: False)

    (line,) = complaints("format: 1\nunits: {a: {size: 1M, medium: image}}\n", tmp_path)

    assert line.endswith("image cannot be read and written: change its permissions, or copy it")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "san.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SanFileError, match="the file is not UTF-8"):
        load_san_file(tmp_path / "san.yaml", default_target=TARGET)
    with pytest.raises(FileNotFoundError):
        load_san_file(tmp_path / "none.yaml", default_target=TARGET)


def test_what_only_building_finds_out(tmp_path: Path) -> None:
    """A serial number that another unit gets because it names none."""
    taken = SanFile.of_units(
        "spc4",
        [
            UnitEntry(name="a", block_length=512, blocks=8),
            UnitEntry(name="b", block_length=512, blocks=8, serial="3bce000000000000"),
        ],
        TARGET,
    )

    with pytest.raises(ValueError, match="has that name or serial already"):
        taken.build()
