"""Backup and restore in process: what lands on the tape, going on, and what is refused.

[0149] to [0153]: the application prepares the tape (612), finds the blocks (614), says what the inline data
is (616), calls the copy agent (618) and recovers from errors (620).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from threepce.agent import CannotBuildCommand, CommandFailed, Device, InvalidRequest, OutcomeUnknown
from threepce.agent.backup import (
    DigestDiffers,
    NotABackup,
    RestoreRequest,
    TapeInUse,
    list_backup,
    restore,
    restore_into,
    same_place,
)
from threepce.agent.backup.container import PREFIX, FileHeader, Index, Kind, Label, unpack
from threepce.agent.backup.drive import Drive
from threepce.agent.resolve import FILE_SYSTEM, FileMap
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.nexus import Completion, NexusLost

from .conftest import EMPTY, FILES, HOLES, PIECES, PLAIN, Bench, MakeBench, file

ALL = list(FILES)


def restored(bench: Bench, **fields: object) -> RestoreRequest:
    values = {"manager": bench.tape, "tape": bench.tape, "destination": bench.empty, "place": same_place}
    return RestoreRequest(**(values | fields))  # type: ignore[arg-type]


def objects(bench: Bench) -> list[bytes | None]:
    """All blocks of the tape in order, None for a filemark."""
    drive = Drive(bench.agent.executor, bench.tape)
    drive.to_end_of_data()
    end, _ = drive.position()
    drive.rewind()
    return [drive.read(1 << 20) for _ in range(end)]


def test_each_section_explains_itself_and_ends_with_a_filemark(bench: Bench) -> None:
    """Step 616: the annotation lies before the data it is about, for who has nothing but the tape."""
    report = bench.back_up(ALL)
    found = objects(bench)
    sections: list[list[bytes]] = [[]]
    for item in found:
        if item is None:
            sections.append([])
        else:
            sections[-1].append(item)
    assert sections.pop() == []
    label, *files, index = sections
    assert Label.of(unpack(label[0], Kind.LABEL, ""), "").files == len(ALL)
    for (header, *blocks), one in zip(files, ALL, strict=True):
        assert FileHeader.of(unpack(header, Kind.FILE, ""), "").file == one
        data = FILES[one]
        kept = b"".join(data[at : at + length].ljust(length, b"\0") for at, _, length in one.extents)
        assert b"".join(blocks).rstrip(b"\0") == kept.rstrip(b"\0")
        assert {len(block) for block in blocks} <= {65536}
    for entry in Index.of(unpack(index[0], Kind.INDEX, ""), "").entries:
        there = found[entry.logical_object]
        assert there is not None
        assert FileHeader.of(unpack(there, Kind.FILE, ""), "").file.name == entry.name
    assert report.offloaded_bytes == sum(one.allocated for one in ALL)
    assert (report.host_bytes, report.offloaded_percent, report.header_bytes) == (0, 100.0, 0)


def test_a_restore_brings_back_every_file(bench: Bench) -> None:
    bench.back_up(ALL, digest=True)
    report = restore(bench.agent, restored(bench))
    assert [bench.read(bench.empty, one) for one in ALL] == list(FILES.values())
    assert report.offloaded_percent == 100.0
    assert all(one.verified for one in report.files)


def test_digests_are_those_of_the_files(bench: Bench) -> None:
    report = bench.back_up(ALL, digest=True)
    assert report.digest_bytes > 0
    digests = []
    for item in objects(bench):
        if item is not None and item.startswith(b"3PCE-BAK") and item[11] == Kind.FILE:
            digests.append(FileHeader.of(unpack(item, Kind.FILE, ""), "").sha256)
    assert digests == [hashlib.sha256(data).hexdigest() for data in FILES.values()]


def test_a_file_system_has_a_digest_of_its_blocks_alone(bench: Bench) -> None:
    own = file(FILE_SYSTEM, 1 << 40, (4096, 4096, 8192))
    bench.back_up([own], digest=True)
    assert restore(bench.agent, restored(bench)).files[0].verified


def test_files_go_elsewhere_where_the_caller_says_so(bench: Bench) -> None:
    bench.back_up(ALL)
    there = file("/pieces", PIECES.size, (0, 3 << 20, 12288), (12288, 5 << 20, 8192))

    def place(one: FileMap) -> FileMap | None:
        return there if one.name == "/pieces" else None

    report = restore(bench.agent, restored(bench, place=place))
    assert [one.name for one in report.files] == ["/pieces"]
    assert bench.read(bench.empty, there) == FILES[PIECES]


def test_a_place_of_another_length_is_refused(bench: Bench) -> None:
    bench.back_up([PLAIN])
    with pytest.raises(InvalidRequest, match="blocks for /plain"):
        restore(bench.agent, restored(bench, place=lambda _: EMPTY))


def test_files_come_back_into_a_folder_through_the_host(bench: Bench, tmp_path: Path) -> None:
    bench.back_up([*ALL, file(FILE_SYSTEM, 8192, (0, 0, 4096))], digest=True)
    report = restore_into(bench.agent, bench.tape, tmp_path / "out")
    for one, data in FILES.items():
        path = tmp_path / "out" / one.name[1:]
        assert path.read_bytes() == data
        assert path.stat().st_mtime == one.mtime
        assert path.stat().st_mode & 0o777 == one.mode
    assert report.offloaded_bytes == 0
    assert {why for one in report.files for why in one.why}
    with pytest.raises(FileExistsError):
        restore_into(bench.agent, bench.tape, tmp_path / "out", ["/plain"])


def test_names_that_lead_out_of_the_folder_are_refused(bench: Bench, tmp_path: Path) -> None:
    bench.back_up([file("/../../etc/passwd", 0)])
    with pytest.raises(NotABackup, match="lead out of the folder"):
        restore_into(bench.agent, bench.tape, tmp_path)


def test_what_differs_from_its_digest_is_told(bench: Bench, tmp_path: Path) -> None:
    bench.back_up([PLAIN], digest=True)
    whole = objects(bench)
    drive = Drive(bench.agent.executor, bench.tape)
    drive.rewind()
    for item in whole:
        if item is None:
            drive.write_filemark()
        else:
            drive.write(item if item.startswith(b"3PCE-BAK") else bytes(len(item)))
    expected = hashlib.sha256(FILES[PLAIN]).hexdigest()
    with pytest.raises(DigestDiffers) as to_disk:
        restore(bench.agent, restored(bench))
    with pytest.raises(DigestDiffers) as to_folder:
        restore_into(bench.agent, bench.tape, tmp_path)
    assert to_disk.value.expected == to_folder.value.expected == expected


# Going on.


class Dying:
    """A nexus that is lost at a command, as for an agent that is killed there."""

    def __init__(self, device: Device, at: int) -> None:
        self._nexus, self._left = device.nexus, at

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        if cdb[0] == 0x83:
            self._left -= 1
            if self._left < 0:
                raise NexusLost("killed")
        return self._nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def test_a_backup_goes_on_to_the_same_tape_wherever_it_was_killed(
    bench: Bench, make_bench: MakeBench
) -> None:
    bench.back_up(ALL)
    whole = objects(bench)
    for at in range(len(ALL) + 2):
        for left_over in (b"", b"half a section"):
            drive = Drive(bench.agent.executor, bench.tape)
            dying = Device(Dying(bench.tape, at), bench.tape.lun, "tape")
            with pytest.raises(OutcomeUnknown):
                bench.back_up(ALL, manager=dying, overwrite=True)
            if at == 0:
                continue  # the tape is as it was, whole
            if left_over:
                drive.write(left_over)
            assert bench.back_up(ALL).already == at
            assert objects(bench) == whole


def test_a_whole_backup_is_not_done_again(bench: Bench) -> None:
    bench.back_up(ALL)
    report = bench.back_up(ALL)
    assert (report.already, report.files) == (len(ALL) + 2, [])


def test_the_beginning_of_a_label_is_written_over(bench: Bench) -> None:
    bench.back_up(ALL)
    first = objects(bench)[0]
    assert first is not None
    drive = Drive(bench.agent.executor, bench.tape)
    drive.rewind()
    drive.write(first[: PREFIX.size + 3])
    assert bench.back_up(ALL).already == 0


@pytest.mark.parametrize("blocks", [[b"something else"], [b"3PCE"], []])
def test_a_tape_with_something_else_is_not_overwritten_unasked(bench: Bench, blocks: list[bytes]) -> None:
    drive = Drive(bench.agent.executor, bench.tape)
    drive.rewind()
    for block in blocks:
        drive.write(block)
    drive.write_filemark()
    before = objects(bench)
    with pytest.raises(TapeInUse, match="is no backup"):
        bench.back_up(ALL)
    assert objects(bench) == before
    assert bench.back_up(ALL, overwrite=True).already == 0
    assert list_backup(bench.agent, bench.tape)[0].files == len(ALL)


def test_another_backup_is_not_overwritten_unasked(bench: Bench) -> None:
    bench.back_up(ALL)
    for changed in ([PLAIN], [*ALL[:-1], file("/empty", 1)]):
        with pytest.raises(TapeInUse, match="holds another backup"):
            bench.back_up(changed)
    with pytest.raises(TapeInUse):
        bench.back_up(ALL, digest=True)


def test_a_section_that_is_another_file_is_told(bench: Bench) -> None:
    bench.back_up([PLAIN, EMPTY])
    whole = objects(bench)
    drive = Drive(bench.agent.executor, bench.tape)
    drive.rewind()
    label = whole[0]
    assert label is not None
    drive.write(label)
    drive.write_filemark()
    drive.write(FileHeader(1, HOLES).pack())
    drive.write_filemark()
    with pytest.raises(TapeInUse, match="the tape has /holes there"):
        bench.back_up([PLAIN, EMPTY])


def test_half_a_backup_is_not_restored(bench: Bench) -> None:
    with pytest.raises(OutcomeUnknown):
        bench.back_up(ALL, manager=Device(Dying(bench.tape, 3), bench.tape.lun, "tape"))
    with pytest.raises(NotABackup, match=f"2 of {len(ALL)} files: run the backup again"):
        restore(bench.agent, restored(bench))


def test_an_empty_tape_has_no_backup(bench: Bench) -> None:
    with pytest.raises(NotABackup, match="the tape ends there"):
        list_backup(bench.agent, bench.tape)


# What is refused before anything is written.


@pytest.mark.parametrize(
    "wrong",
    [
        file("/odd", 100, (0, 100, 512)),
        file("/far", 512, (0, 1 << 40, 512)),
        file("/short", 100, (0, 0, 100)),
    ],
)
def test_extents_that_are_no_blocks_of_the_disk_are_refused(bench: Bench, wrong: FileMap) -> None:
    with pytest.raises(InvalidRequest, match="no whole blocks of 512 bytes"):
        bench.back_up([PLAIN, wrong])
    assert objects(bench) == []


def test_a_drive_of_fixed_blocks_is_refused(make_bench: MakeBench) -> None:
    with pytest.raises(InvalidRequest, match="needs variable blocks"):
        make_bench(block_length=512).back_up([])


def test_a_transfer_length_beyond_the_drive_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="the drive has blocks of"):
        bench.back_up([], transfer_length=1 << 24)


def test_an_error_of_the_engine_ends_the_backup(bench: Bench) -> None:
    """Step 620 is the application's: the next run goes on behind the last whole file."""
    fault = {
        "match": {"unit": "source", "lba": PIECES.extents[1].physical // 512, "by": "copy manager"},
        "when": "once",
        "do": {"sense": "MEDIUM ERROR 11h/00h"},
    }
    bench.san.faults.add(fault)
    with pytest.raises(CommandFailed):
        bench.back_up(ALL)
    assert bench.back_up(ALL).already == 2
    restore(bench.agent, restored(bench))
    assert bench.read(bench.empty, PIECES) == FILES[PIECES]


# Engines that can do less.


class Without:
    """A nexus to an engine whose operating parameters lack some descriptors, and that refuses them."""

    def __init__(self, device: Device, *codes: int) -> None:
        self._nexus, self._codes = device.nexus, codes

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        done = self._nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)
        if cdb[0] == 0x84 and cdb[1] & 0x1F == 3:
            known = OperatingParameters.decode(done.data_in)
            left = tuple(code for code in known.implemented_descriptors if code not in self._codes)
            return replace(done, data_in=replace(known, implemented_descriptors=left).encode())
        return done


def test_the_host_writes_headers_and_filemarks_where_the_engine_cannot(bench: Bench) -> None:
    bench.back_up(ALL)
    whole = objects(bench)
    poor = Device(Without(bench.tape, 0x04, 0x10), bench.tape.lun, "tape")
    report = bench.back_up(ALL, manager=poor, overwrite=True)
    assert report.header_bytes == (len(ALL) + 2) * 65536
    assert report.offloaded_percent == 100.0
    assert objects(bench) == whole


def test_an_engine_without_stream_to_block_restores_through_the_host_and_says_so(bench: Bench) -> None:
    bench.back_up(ALL, digest=True)
    poor = Device(Without(bench.tape, 0x01), bench.tape.lun, "tape")
    with pytest.raises(CannotBuildCommand):
        restore(bench.agent, restored(bench, manager=poor, fallback=False))
    report = restore(bench.agent, restored(bench, manager=poor))
    assert [bench.read(bench.empty, one) for one in ALL] == list(FILES.values())
    assert report.offloaded_bytes == 0
    assert report.host_bytes == sum(one.allocated for one in ALL)
    assert all(one.why and one.verified for one in report.files if one.size)


def test_a_header_longer_than_a_block_is_read_as_a_whole(bench: Bench) -> None:
    """More extents than one block of the tape can tell."""
    pieces = file("/pieces", 400 * 512, *((at * 512, (1000 + 2 * at) * 512, 512) for at in range(400)))
    bench.back_up([pieces], transfer_length=1024)
    restore(bench.agent, restored(bench))
    assert bench.read(bench.empty, pieces) == bench.read(bench.source, pieces)
    assert bench.back_up([pieces], transfer_length=1024).already == 3
