"""SIMH images: the objects of images that others might make, damage of each kind, and what we make."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from threepce.emulator.cartridge import RecordingFault, SimhRecording, open_recording, simh_scan
from threepce.emulator.cartridge import scan as scanning

from .images import MARK, content, make, read_simh, reopen, simh

GAP, HALF_GAP, END = 0xFFFFFFFE, 0xFFFEFFFF, 0xFFFFFFFF
HELLO = bytes.fromhex("05 00 00 00 48 45 4c 4c 4f 00 05 00 00 00 00 00 00 00 ff ff ff ff")
"""A record of five bytes, a tape mark and the end, made by hand from the format page."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tap"


def opened(path: Path, image: bytes) -> SimhRecording:
    path.write_bytes(image)
    return SimhRecording(path)


def test_a_record_a_mark_and_the_end(path: Path) -> None:
    """Both ways: SIMH Magtape Representation, the general layout."""
    recording = opened(path, HELLO)

    assert [b"HELLO", MARK] == content(recording)
    assert recording.damage is None
    recording.close()
    assert make(path.with_name("b.tap"), [b"HELLO", MARK]).read_bytes() == HELLO


@pytest.mark.parametrize(
    ("image", "objects"),
    [
        (b"", []),
        (simh(END), []),
        (simh(b"odd", b"even"), [b"odd", b"even"]),
        (simh(b"a1", 0, 0), [b"a1", MARK, MARK]),
        (simh(GAP, b"a1", GAP, GAP, b"b2", GAP, END), [b"a1", b"b2"]),
        (simh(GAP)[2:] + simh(GAP, b"a1"), [b"a1"]),
        (simh(b"a1", END, b"b2") + b"anything", [b"a1"]),
        (simh(b"x" * 0x12345, b"y"), [b"x" * 0x12345, b"y"]),
    ],
)
def test_what_an_image_holds(path: Path, image: bytes, objects: list[bytes]) -> None:
    """Gaps are no objects, half gaps neither; behind the end-of-medium marker nothing is read."""
    recording = opened(path, image)

    assert (objects, None) == (content(recording), recording.damage)
    recording.close()
    assert path.read_bytes() == image


DAMAGED = [
    (
        simh(b"a1", 7) + b"seven..",
        1,
        10,
        "a record of 7 bytes is cut: it needs 16 bytes of the file, 11 are left",
    ),
    (
        simh(b"a1") + b"\2\0\0\0b2\3\0\0\0",
        1,
        10,
        "the length behind a record is 00000003h, expected 00000002h",
    ),
    (simh(b"a1", 0)[:-1], 1, 10, "3 bytes at the end of the file, expected a word of 4"),
    (simh(b"a1", 0xFF000000), 1, 10, "reserved marker FF000000h"),
    (simh(b"a1", 0xFFFF0001, b"b2"), 1, 10, "reserved marker FFFF0001h"),
    (simh(0x01000000), 0, 0, "reserved marker 01000000h"),
    (simh(0, 0x80000000), 1, 4, "reserved marker 80000000h"),
    (simh(b"a1", 0xFFFFFF), 1, 10, "a record of 16777215 bytes is cut"),
    (simh(b"x" * 9000)[:-1], 0, 0, "a record of 9000 bytes is cut"),
    (simh(*[b"x" * 9000] * 3)[:-1] + b"?", 2, 18016, "the length behind a record is 3F002328h"),
]


@pytest.mark.parametrize(("image", "number", "offset", "reason"), DAMAGED)
def test_damage_ends_what_can_be_read(
    path: Path, image: bytes, number: int, offset: int, reason: str
) -> None:
    """Everything before is there; the damage says its object, its byte, what is there and what was expected."""
    recording = opened(path, image)
    damage = recording.damage
    recording.close()

    assert damage is not None
    assert (number, offset) == (damage.number, damage.offset) == (recording.objects, offset)
    assert damage.reason.startswith(reason)
    assert path.read_bytes() == image
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("change", ["write", "write_filemarks", "erase"])
def test_a_change_takes_damage_away(path: Path, change: str) -> None:
    """Whatever is recorded in its place is the end of data again."""
    recording = opened(path, simh(b"a1", b"b2", 0x01000000, b"c3"))
    added: list[bytes] = {"write": [b"new"], "write_filemarks": [MARK], "erase": []}[change]

    getattr(recording, change)(2, *{"write": (b"new", 3), "write_filemarks": (1,), "erase": ()}[change])

    assert recording.damage is None
    again = reopen(recording)
    assert [b"a1", b"b2", *added] == content(again)
    assert again.damage is None
    again.close()


def flagged(*lengths: int) -> bytes:
    """Records of so many bytes; the second has the error flag."""
    return b"".join(
        simh(word := length | (at == 1) << 31) + b"z" * length + bytes(length % 2) + simh(word)
        for at, length in enumerate(lengths)
    )


@pytest.mark.parametrize("length", [3, 10, 9001])
def test_a_record_with_the_error_flag_cannot_be_read(path: Path, length: int) -> None:
    """It alone: its length is known, and all others are read."""
    recording = opened(path, flagged(length, length, length, length))

    with pytest.raises(RecordingFault, match="marked as read with an error") as raised:
        recording.read(1)
    with pytest.raises(RecordingFault):
        recording.read_run(1, 2, length)
    assert (1, length + length % 2 + 8) == (raised.value.number, raised.value.offset)
    assert recording.read_run(0, 4, length) == b"z" * length
    assert recording.read_run(2, 4, length) == b"z" * length * 2
    assert [1] == recording.flawed
    assert recording.damage is None
    recording.write(1, b"good", 4)
    assert [] == recording.flawed
    assert recording.read(1) == b"good"
    recording.close()


def test_a_run_goes_over_gaps(path: Path) -> None:
    """Blocks of one length are one run, whatever lies between them."""
    recording = opened(path, simh(b"a1", b"b2", GAP, b"c3", b"odd", b"d4"))

    assert [recording.read_run(number, 9, 2) for number in range(5)] == [
        b"a1b2c3",
        b"b2c3",
        b"c3",
        b"",
        b"d4",
    ]
    assert recording.read_run(0, 2, 2) == b"a1b2"
    recording.close()


def test_recording_over_a_gap_at_the_end(path: Path) -> None:
    """What comes behind the last object goes with the first thing recorded."""
    recording = opened(path, simh(b"a1", GAP, GAP, END, b"old"))
    recording.write(1, b"b2", 2)
    recording.close()

    assert path.read_bytes() == simh(b"a1", b"b2", END)


def test_a_file_changed_behind_our_back_is_noticed(path: Path) -> None:
    """Where a record is no longer what it was, reading it is a fault, and so is writing to another length."""
    recording = opened(path, simh(*[b"x" * 40_000] * 2, *[b"y" * 10] * 4, END))
    image = bytearray(path.read_bytes())
    image[0] ^= 1
    image[80_016 + 18 * 2] ^= 1
    path.write_bytes(image)

    for number, count, length in [(0, 1, 40_000), (2, 4, 10), (4, 1, 10)]:
        with pytest.raises(RecordingFault, match="another program changed the file"):
            recording.read_run(number, count, length)
    assert recording.read(1) == b"x" * 40_000
    with path.open("ab") as file:
        file.truncate(50)
    with pytest.raises(RecordingFault, match="another program made the file 50 bytes long, not 80092"):
        recording.write(6, b"new", 3)
    with pytest.raises(RecordingFault, match="another program changed the file"):
        recording.read(5)
    recording.close()


# --- the scan against a plain reader ----------------------------------------------------------------------

words = st.sampled_from([0, GAP, HALF_GAP, 0xFFFF0000, 0x80000001])
runs = st.tuples(
    st.one_of(words, st.sampled_from([1, 2, 3, 30, 40, 41, 100, 5000]).map(bytes)), st.integers(1, 60)
).map(lambda run: simh(*[run[0]] * run[1]))
images = st.lists(st.one_of(runs, st.binary(max_size=8)), max_size=12).map(b"".join)


@given(
    image=images,
    cut=st.integers(0, 60),
    window=st.sampled_from([16, 64, 4096]),
    far=st.sampled_from([8, 64, 8192]),
)
def test_the_scan_finds_what_a_plain_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, image: bytes, cut: int, window: int, far: int
) -> None:
    """Runs of one length, across windows, far apart or not, cut anywhere."""
    path = tmp_path_factory.mktemp("scan") / "a.tap"
    path.write_bytes(image := image[: len(image) - cut])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "SMALLEST_WINDOW", window)
        patch.setattr(simh_scan, "FAR", far)
        recording = open_recording(path, write_protected=True)
    objects, damage = read_simh(image)
    lengths = [recording.block_length(number) or 0 for number in range(recording.objects)]

    assert list(map(len, objects)) == lengths
    assert damage == (recording.damage and recording.damage.offset)
    for number, data in enumerate(objects):
        assert number in recording.flawed or not data or recording.read(number) == data
    recording.close()


@given(image=st.binary(max_size=400))
def test_any_bytes_are_an_image(tmp_path_factory: pytest.TempPathFactory, image: bytes) -> None:
    """And after one write behind what can be read it is sound."""
    path = tmp_path_factory.mktemp("any") / "a.tap"
    recording = opened(path, image)
    before = read_simh(image)[0][: recording.objects]
    recording.write(recording.objects, b"new", 3)
    again = reopen(recording)

    assert again.damage is None
    assert list(map(len, [*before, b"new"])) == [again.block_length(n) or 0 for n in range(again.objects)]
    again.close()


def test_more_objects_than_anybody_needs_are_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of zeros is a file of tape marks, and a sparse one may be of any length."""
    monkeypatch.setattr(scanning, "MOST_OBJECTS", 1000)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    recording = SimhRecording(path)

    assert recording.damage is not None
    assert 1000 <= recording.objects < 1000 + scanning.LARGEST_WINDOW // 4
    assert "more than 1000 objects" in recording.damage.reason
    recording.close()
