"""AWS images: Hercules' own, chunks of every cut, damage of each kind, and what we make."""

from __future__ import annotations

import struct
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from threepce.emulator.cartridge import AwsRecording, RecordingFault, aws
from threepce.emulator.cartridge import scan as scanning

from .images import MARK, content, make, read_aws, reopen

LABELS = [line.ljust(80).encode("cp037") for line in ("VOL1AWS001", "HDR1TEST")]
HERCULES = b"\x50\0\0\0\xa0\0" + LABELS[0] + b"\x50\0\x50\0\xa0\0" + LABELS[1] + b"\0\0\x50\0\x40\0"
"""The chunk heads of Hercules' tests/awsbsf.aws, a volume label, a header label and a tape mark.

The heads and their places are that file's; the text of the labels is ours.
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.aws"


def opened(path: Path, image: bytes) -> AwsRecording:
    path.write_bytes(image)
    return AwsRecording(path)


def chunk(length: int, before: int, flags: int, zero: int = 0, byte: bytes = b"x") -> bytes:
    return struct.pack("<HHBB", length, before, flags, zero) + byte * length


def test_the_image_of_hercules_both_ways(path: Path) -> None:
    """Heads at 0, 86 and 172, of a file of 178 bytes."""
    recording = opened(path, HERCULES)

    assert 178 == len(HERCULES)
    assert [*LABELS, MARK] == content(recording)
    assert [0, 86, 172] == [recording.offset(number) for number in range(3)]
    assert recording.damage is None
    recording.close()
    assert make(path.with_name("b.aws"), [*LABELS, MARK]).read_bytes() == HERCULES


def test_a_block_of_several_chunks(path: Path) -> None:
    """Cut by others where they like; recorded behind it with the length of its last chunk."""
    image = chunk(3, 0, 0x80) + chunk(2, 3, 0x00) + chunk(1, 2, 0x20) + chunk(6, 1, 0xA0)
    recording = opened(path, image)

    assert [6, 6] == [recording.block_length(0), recording.block_length(1)]
    assert recording.read_run(0, 9, 6) == b"x" * 12
    recording.write(1, b"y" * 70_000, 70_000)
    recording.write_filemarks(2, 2)
    recording.close()
    image = (
        image[: 6 + 3 + 6 + 2 + 6 + 1]
        + chunk(65535, 1, 0x80, byte=b"y")
        + chunk(4465, 65535, 0x20, byte=b"y")
    )
    assert path.read_bytes() == image + chunk(0, 4465, 0x40) + chunk(0, 0, 0x40)


DAMAGED = [
    (chunk(2, 0, 0xA0) + chunk(3, 2, 0xA0)[:-1], 1, 8, "a chunk of 3 bytes is cut: 2 are left of the file"),
    (chunk(2, 0, 0xA0) + b"\0\0\2", 1, 8, "3 bytes at the end of the file, expected a head of 6"),
    (chunk(2, 0, 0xA0) + chunk(2, 3, 0xA0), 1, 8, "the chunk before is said to have 3 bytes, expected 2"),
    (chunk(2, 0, 0xA0) + chunk(2, 2, 0xA3), 1, 8, "flags A300h (a compressed image?), expected one of 8000h"),
    (chunk(2, 0, 0xA0, 1), 0, 0, "flags A001h, expected one of 8000h, A000h, 4000h"),
    (chunk(2, 0, 0x20), 0, 0, "flags 2000h"),
    (chunk(2, 0, 0x80) + chunk(2, 2, 0xA0), 0, 8, "flags A000h, expected one of 0000h, 2000h"),
    (chunk(2, 0, 0x80), 0, 8, "0 bytes within a block, expected a head of 6"),
    (chunk(0, 0, 0xA0), 0, 0, "a chunk of 0 bytes with flags A0h"),
    (chunk(2, 0, 0x40), 0, 0, "a chunk of 2 bytes with flags 40h"),
    (chunk(9000, 0, 0xA0) + chunk(9000, 9000, 0xA0) * 2 + chunk(9000, 9000, 0xA0)[:-1], 3, 27018, "a chunk of 9000"),
    (
        chunk(65535, 0, 0x80) + chunk(65535, 65535, 0x00) * 256 + chunk(1, 65535, 0x20),
        0, 0, "a block of more than 16777215 bytes",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("image", "number", "offset", "reason"), DAMAGED)
def test_damage_ends_what_can_be_read(
    path: Path, image: bytes, number: int, offset: int, reason: str
) -> None:
    """Everything before is there; the damage says its object, its byte, what is there and what was expected."""
    recording = opened(path, image)
    damage = recording.damage
    recording.close()

    assert damage is not None
    assert (number, offset) == (damage.number, damage.offset)
    assert recording.objects == number
    assert damage.reason.startswith(reason)
    assert path.read_bytes() == image


def test_a_change_takes_damage_away(path: Path) -> None:
    """And the next chunk follows on the last that is sound."""
    recording = opened(path, chunk(2, 0, 0xA0) + chunk(3, 9, 0xA0))
    recording.write_filemarks(1, 1)
    recording.close()

    assert path.read_bytes() == chunk(2, 0, 0xA0) + chunk(0, 2, 0x40)


@pytest.mark.parametrize(
    ("at", "byte"), [(4, 0x00), (0, 0x01), (0, 0x00), (8 + 4, 0x80), (16 + 4, 0x20), (16 + 0, 0x05)]
)
def test_a_file_changed_behind_our_back_is_noticed(path: Path, at: int, byte: int) -> None:
    """Chunks that no longer make up the blocks are a fault."""
    recording = opened(path, chunk(2, 0, 0xA0) + chunk(2, 2, 0xA0) + chunk(2, 2, 0xA0))
    image = bytearray(path.read_bytes())
    image[at] = byte
    path.write_bytes(image)

    with pytest.raises(RecordingFault, match="another program changed the file"):
        recording.read_run(0, 3, 2)
    recording.close()


pieces = st.one_of(
    st.tuples(
        st.sampled_from([1, 2, 40, 5000]), st.sampled_from([0xA0, 0xA0, 0x80, 0x20, 0x00]), st.integers(1, 40)
    ),
    st.tuples(st.just(0), st.just(0x40), st.integers(1, 40)),
)


@given(
    parts=st.lists(pieces, max_size=8),
    cut=st.integers(0, 60),
    flip=st.none() | st.integers(0, 3000),
    window=st.sampled_from([16, 64, 4096]),
    far=st.sampled_from([8, 64, 8192]),
)
def test_the_scan_finds_what_a_plain_reader_finds(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[int, int, int]],
    cut: int,
    flip: int | None,
    window: int,
    far: int,
) -> None:
    """Runs of one length, blocks of several chunks, across windows, far apart or not, cut or spoiled."""
    image, before = bytearray(), 0
    for length, flags, count in parts:
        for _ in range(count):
            image += chunk(length, before, flags)
            before = length
    del image[len(image) - cut :]
    if flip is not None and flip < len(image):
        image[flip] ^= 0x20
    path = tmp_path_factory.mktemp("scan") / "a.aws"
    path.write_bytes(image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "SMALLEST_WINDOW", window)
        patch.setattr(aws, "FAR", far)
        recording = AwsRecording(path, write_protected=True)
    objects, damage = read_aws(bytes(image))

    assert objects == content(recording)
    assert damage == (recording.damage and recording.damage.offset)
    recording.close()


@given(image=st.binary(max_size=100))
def test_any_bytes_are_an_image(tmp_path_factory: pytest.TempPathFactory, image: bytes) -> None:
    """And after one write behind what can be read it is sound."""
    path = tmp_path_factory.mktemp("any") / "a.aws"
    recording = opened(path, image)
    before = content(recording)
    recording.write(recording.objects, b"new", 3)
    again = reopen(recording)

    assert again.damage is None
    assert [*before, b"new"] == content(again)
    again.close()
