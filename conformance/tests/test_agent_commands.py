"""`3pce copy`, `results`, `abort`, `probe`, `backup` and `restore`: what they say and how they end.

The engine is an emulated one of a SAN file, in the process of the command.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.agent import errors
from threepce.conformance import cli
from threepce.conformance.agent_commands.exit_status import status_of
from threepce.conformance.agent_commands.hooks import lvm_snapshot
from threepce.emulator import San, load_profile
from threepce.scsi.nexus import CommandTimeout, Completion, TransportError
from threepce.scsi.sense import Sense

MIB = 1 << 20


@pytest.fixture
def san(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SAN of an ext4 disk, an empty disk and a tape, in the current folder."""
    monkeypatch.chdir(tmp_path)
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    noise = random.Random(1)
    (tree / "one").write_bytes(noise.randbytes(10_000))
    (tree / "deep" / "two").write_bytes(noise.randbytes(70_000))
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-d", tree, "disk.img", "8M"], check=True)
    write_san(tmp_path / "san.yaml", "spc4")
    return tmp_path


def write_san(path: Path, profile: str) -> None:
    units = {
        "disk": {"type": "disk", "medium": "disk.img", "size": "8M"},
        "empty": {"type": "disk", "medium": "empty.img", "size": "8M"},
        "tape": {"type": "tape", "cartridge": "tape.tap"},
    }
    if profile != "spc4":
        del units["tape"]
    path.write_text(json.dumps({"format": 1, "profile": profile, "units": units}))


DISK, EMPTY, TAPE = "san.yaml#disk", "san.yaml#empty", "san.yaml#tape"
BACKUP = ("backup", "--from", DISK, "--to", TAPE)
RESTORE = ("restore", "--from", TAPE)
Said = pytest.CaptureFixture[str]


def done(capsys: Said, *words: str, status: int = 0) -> str:
    """Run the command; what it says on both streams."""
    ended = cli.run(list(words))
    said = capsys.readouterr()
    assert ended == status, said.out + said.err
    return said.out + said.err


def document(capsys: Said, *words: str) -> dict[str, Any]:
    assert cli.run([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1
    return found


@pytest.mark.usefixtures("san")
def test_a_disk_is_copied_and_the_report_says_how(san: Path, capsys: Said) -> None:
    report = document(capsys, "copy", DISK, EMPTY, "--verify")
    assert (report["bytes"], report["offloaded_bytes"], report["host_bytes"]) == (8 * MIB, 8 * MIB, 0)
    assert report["verified_bytes"] == 8 * MIB
    assert (san / "empty.img").read_bytes() == (san / "disk.img").read_bytes()
    assert "8388608 bytes copied by the engine" in done(capsys, "copy", DISK, EMPTY, "--engine", DISK)


def test_extents_go_where_they_are_sent(san: Path, capsys: Said) -> None:
    done(capsys, "copy", DISK, EMPTY, "--extent", "2:10:1", "--extent", "3:9:1")
    source, copy = (san / "disk.img").read_bytes(), (san / "empty.img").read_bytes()
    assert copy[10 * 512 : 11 * 512] == source[2 * 512 : 3 * 512]
    assert copy[9 * 512 : 10 * 512] == source[3 * 512 : 4 * 512]
    assert (
        document(capsys, "copy", DISK, EMPTY, "--skip", "1", "--seek", "5", "--blocks", "2")["bytes"] == 1024
    )


def test_a_disk_goes_to_tape(san: Path, capsys: Said) -> None:
    report = document(capsys, "copy", DISK, TAPE, "--blocks", "128", "--transfer-length", "4096")
    assert report["bytes"] == 65536
    assert (san / "tape.tap").stat().st_size > 65536
    assert "--blocks is needed" in done(capsys, "copy", TAPE, EMPTY, status=2)
    assert "from tape to tape" in done(capsys, "copy", TAPE, TAPE, status=2)


def test_a_dry_run_explains_each_command_and_sends_none(san: Path, capsys: Said) -> None:
    before = (san / "empty.img").exists()
    said = done(capsys, "copy", DISK, EMPTY, "--dry-run", "--blocks", "8")
    assert "EXTENDED COPY(LID1)" in said
    assert "BLOCK DEVICE NUMBER OF BLOCKS = 8" in said
    assert "nothing was sent" in said
    found = document(capsys, "copy", DISK, EMPTY, "--dry-run", "--dialect", "lid4")
    assert found["commands"][0]["parameter_list"]
    assert not before or not any((san / "empty.img").read_bytes())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("copy", "nothing", EMPTY), "expected iscsi://HOST"),
        (("copy", "sg:", EMPTY), "sg: needs a device"),
        (("copy", "iscsi://", EMPTY), "iscsi://"),
        (("copy", "san.yaml#dusk", EMPTY), "did you mean disk?"),
        (("copy", DISK, EMPTY, "--extent", "1"), "expected SOURCE:DESTINATION:BLOCKS"),
        (("copy", DISK, EMPTY, "--extent", "1:2:3", "--skip", "1"), "--extent says all of it"),
        (("copy", DISK, EMPTY, "--dialect", "x"), "there are lid1"),
        (("copy", DISK, EMPTY, "--pad", "x"), "there are source"),
        (("results", DISK, "--list-id", "256"), "must be 0 to 255"),
        (("results", DISK, "--list-id", "1", "--held", "--failure"), "one of them"),
        (("results", DISK, "--list-id", "1", "--failure", "--lid4"), "for LID1 alone"),
        (("abort", DISK, "--list-id", "-1"), "must be 0"),
        (BACKUP, "name the files"),
        ((*BACKUP, "--all", "--mounted"), "leave --mounted out"),
        ((*BACKUP, "/one", "--lvm-snapshot", "x"), "expected GROUP/VOLUME:SIZE"),
        (RESTORE, "say where to"),
        ((*RESTORE, "--into", "x", "--same-place"), "with --to DISK alone"),
    ],
)
@pytest.mark.usefixtures("san")
def test_what_makes_no_sense_is_usage(words: tuple[str, ...], says: str, capsys: Said) -> None:
    assert says in done(capsys, *words, status=2)


@pytest.mark.usefixtures("san")
def test_a_san_file_that_is_wrong_is_usage(capsys: Said) -> None:
    Path("bad.yaml").write_text("format: 1\nprofile: none\n")
    assert "bad.yaml" in done(capsys, "copy", "bad.yaml#a", EMPTY, status=2)


@pytest.mark.usefixtures("san")
def test_failures_end_as_those_of_sg3_utils(capsys: Said) -> None:
    assert "cannot be opened" not in done(capsys, "copy", "none.yaml#a", EMPTY, status=15)
    assert "24h/00h" in done(capsys, "results", DISK, "--list-id", "3", status=5)
    assert "24h/00h" in done(capsys, "abort", DISK, "--list-id", "3", status=5)
    assert "LBA" in done(capsys, "copy", DISK, EMPTY, "--seek", "1", status=5)
    status = cli.run(["copy", DISK, EMPTY, "--seek", "1", "--json"])
    assert json.loads(capsys.readouterr().out)["error"]["exit_status"] == status == 5


def sense(key: int, asc: int, ascq: int) -> Sense | None:
    return Sense.decode(bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.CommandFailed("d", "c", 0x02, sense(5, 0x20, 0)), 9),
        (errors.CommandFailed("d", "c", 0x02, sense(5, 0x24, 0)), 5),
        (errors.CommandFailed("d", "c", 0x02, sense(0xA, 0xD, 1)), 10),
        (errors.CommandFailed("d", "c", 0x02, sense(0xB, 0, 0)), 11),
        (errors.CommandFailed("d", "c", 0x02, sense(0xE, 0x1D, 0)), 14),
        (errors.CommandFailed("d", "c", 0x02, sense(3, 0x11, 0)), 3),
        (errors.CommandFailed("d", "c", 0x02, None), 3),
        (errors.CommandFailed("d", "c", 0x18, None), 24),
        (errors.CommandFailed("d", "c", 0x28, None), 26),
        (errors.NotACopyManager("d"), 9),
        (errors.UnexpectedAnswer("d", "c", "w"), 97),
        (CommandTimeout("t"), 33),
        (TransportError("t"), 3),
    ],
)
def test_each_kind_of_failure_has_its_status(error: Exception, status: int) -> None:
    assert status_of(error) == status


def test_a_real_device_is_not_overwritten_unasked(san: Path, capsys: Said) -> None:
    """An engine that gives another vendor's name, behind iSCSI, could be anybody's."""
    from threepce.conformance.agent_commands.devices import Devices, consent
    from threepce.conformance.errors import UsageError

    write_san(san / "lio.yaml", "lio-6.1")
    with Devices() as devices:
        from threepce.agent import CopyAgent

        agent = CopyAgent(devices.open)
        facts = devices.facts(devices.open("lio.yaml#empty"), agent.executor)
        assert facts.emulated  # it is in this process
        from dataclasses import replace

        real = replace(facts, emulated=False)
        with pytest.raises(
            UsageError, match=r"LIO-ORG.*8388608 bytes would be overwritten.*--allow-data-loss"
        ):
            consent([real], False, print)
        said: list[str] = []
        consent([real], True, said.append)
        assert "will be overwritten" in said[0]


def test_probe_writes_a_profile_that_the_emulator_takes(san: Path, capsys: Said) -> None:
    assert "VPD page 8Fh lists EXTENDED COPY(LID4)" in done(capsys, "probe", DISK)
    done(capsys, "probe", DISK, "--output", "own.yaml")
    found = document(capsys, "probe", DISK)
    profile = load_profile("own.yaml")
    assert profile.operating_parameters.maximum_cscd_descriptor_count == 16
    assert found["profile"]["operating_parameters"]["maximum_segment_descriptor_count"] == 64


def test_files_go_to_tape_and_back(san: Path, capsys: Said) -> None:
    said = done(capsys, *BACKUP, "--all", "--digest")
    assert "2 files and the file system itself backed up" in said
    assert "100.0 % offloaded" in said
    assert "sections were on the tape already" in done(capsys, *BACKUP, "--all", "--digest")
    assert "/deep/two" in done(capsys, *RESTORE, "--list")
    assert [one["name"] for one in document(capsys, *RESTORE, "--list")["files"]][1:] == ["/one", "/deep/two"]
    report = document(capsys, *RESTORE, "--to", EMPTY, "--same-place")
    assert (report["offloaded_percent"], report["verified"]) == (100.0, 3)
    subprocess.run(["e2fsck", "-fn", "empty.img"], check=True, capture_output=True)
    assert "1 files restored" in done(capsys, *RESTORE, "--to", EMPTY, "/one")
    assert "through the host" in done(capsys, *RESTORE, "--into", "out")
    assert (san / "out" / "deep" / "two").read_bytes() == (san / "tree" / "deep" / "two").read_bytes()
    assert "not in the backup: /none" in done(capsys, *RESTORE, "--into", "out2", "/none", status=2)


@pytest.mark.usefixtures("san")
def test_a_tape_in_use_says_what_to_do(capsys: Said) -> None:
    done(capsys, *BACKUP, "/deep")
    said = done(capsys, *BACKUP, "/one", status=97)
    assert "holds another backup" in said
    assert "goes on behind the last file" in said
    done(capsys, *BACKUP, "/one", "--overwrite")
    assert "1 files" in done(capsys, *RESTORE, "--list")


@pytest.mark.usefixtures("san")
def test_a_dry_run_of_a_backup_shows_the_extents(capsys: Said) -> None:
    found = document(capsys, *BACKUP, "/one", "--dry-run")
    assert found["files"][0]["extents"][0][2] == 12288
    assert "1 extents" in done(capsys, *BACKUP, "/one", "--dry-run")
    assert "there is no none" in done(capsys, *BACKUP, "/none", status=5)


def test_files_that_are_not_plain_stay_with_the_file_system(san: Path, capsys: Said) -> None:
    subprocess.run(
        ["debugfs", "-w", "-R", "set_inode_field /one flags 0x80800", "disk.img"],
        check=True,
        capture_output=True,
    )
    said = done(capsys, *BACKUP, "--all")
    assert "/one: it is encrypted" in said
    assert "1 files and the file system itself" in said
    done(capsys, *RESTORE, "--to", EMPTY, "--same-place")
    found = subprocess.run(["cmp", "disk.img", "empty.img"], capture_output=True, check=False)
    assert found.returncode == 0


@pytest.mark.usefixtures("san")
def test_files_mounted_from_another_disk_are_refused(capsys: Said) -> None:
    Path("here").write_text("x")
    assert "its file system is on" in done(capsys, *BACKUP, "--mounted", "here", status=5)


@pytest.mark.usefixtures("san")
def test_hooks_run_before_and_after_and_know_the_devices(capsys: Said) -> None:
    hooks = ("--before", 'echo "$THREEPCE_DISK" > before', "--after", "touch after")
    done(capsys, *BACKUP, "/one", *hooks)
    assert Path("before").read_text() == f"{DISK}\n"
    assert Path("after").exists()
    Path("after").unlink()
    assert "ended with status 3" in done(
        capsys, *BACKUP, "/one", "--before", "exit 3", "--after", "touch after", status=3
    )
    assert not Path("after").exists()
    done(capsys, *BACKUP, "/none", "--after", "touch after", status=5)
    assert Path("after").exists()


def test_a_snapshot_is_made_and_removed() -> None:
    hooks = lvm_snapshot("vg0/home:4G")
    assert hooks.before == ("lvcreate --snapshot --name home-3pce --size 4G vg0/home",)
    assert hooks.after == ("lvremove --yes vg0/home-3pce",)


@pytest.fixture
def nexus(monkeypatch: pytest.MonkeyPatch) -> Iterator[San]:
    """One SAN behind `sg:a` and `sg:b` for several commands, as one host has one nexus."""
    from threepce.agent import Device
    from threepce.conformance.agent_commands.devices import Devices

    san = San(load_profile("spc4"))
    luns = {name: san.add_disk(name, blocks=64) for name in "ab"}
    shared = san.nexus("host")
    monkeypatch.setattr(Devices, "open", lambda self, name: Device(shared, luns[name[-1]], name))
    yield san
    san.close()


@pytest.mark.usefixtures("nexus")
def test_results_of_a_copy_are_shown(capsys: Said) -> None:
    done(capsys, "copy", "sg:a", "sg:b", "--list-id", "5")
    assert "COPY STATUS = 1  completed" in done(capsys, "results", "sg:b", "--list-id", "5")
    done(capsys, "copy", "sg:a", "sg:b", "--list-id", "5")
    found = document(capsys, "results", "sg:b", "--list-id", "5")
    assert found["command"] == "RECEIVE COPY STATUS(LID1)"
    assert found["hex"].startswith("00000008")


def test_a_copy_that_failed_tells_what_the_engine_kept(nexus: San, capsys: Said) -> None:
    nexus.faults.add(
        {"match": {"unit": "a", "lba": 3, "by": "copy manager"}, "do": {"sense": "MEDIUM ERROR 11h/00h"}}
    )
    said = done(capsys, "copy", "sg:a", "sg:b", status=10)
    assert "what the engine kept of it" in said
    assert "UNRECOVERED READ ERROR" in said


def test_a_copy_that_runs_is_ended(nexus: San, capsys: Said) -> None:
    operation = bytes.fromhex("831c00000005") + bytes(10)
    assert cli.run(["abort", "sg:b", "--list-id", "5"]) == 5
    capsys.readouterr()
    sent: list[bytes] = []

    class Ending:
        def execute(self, lun: int, cdb: bytes, *rest: object, **options: object) -> Completion:
            sent.append(cdb)
            return Completion()

    from threepce.agent import Device
    from threepce.conformance.agent_commands.devices import Devices

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Devices, "open", lambda self, name: Device(Ending(), 1, name))
        assert "was ended" in done(capsys, "abort", "sg:b", "--list-id", "5")
        assert document(capsys, "abort", "sg:b", "--list-id", "5")["aborted"]
    assert sent == [operation, operation]


@pytest.mark.usefixtures("nexus")
def test_a_terminal_shows_a_bar(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert "bytes copied by the engine" in done(capsys, "copy", "sg:a", "sg:b")


@pytest.mark.parametrize(("hint", "told"), [("go on", "go on"), ("", "")])
def test_an_interruption_says_how_to_go_on(hint: str, told: str, capsys: Said) -> None:
    from threepce.conformance.agent_commands.talk import errors_told

    with pytest.raises(KeyboardInterrupt), errors_told(hint=hint):
        raise KeyboardInterrupt
    assert told in capsys.readouterr().err
