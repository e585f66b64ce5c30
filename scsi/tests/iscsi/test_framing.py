"""PDUs on a byte stream: every cut of it, every digest, and lengths that were not agreed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.iscsi.bhs import HEADERS, NopIn, NopOut, ScsiCommand
from threepce.scsi.iscsi.codes import Opcode
from threepce.scsi.iscsi.digest import crc32c
from threepce.scsi.iscsi.errors import FramingError
from threepce.scsi.iscsi.pdu import LEAST_CAPACITY, Digests, Framer, Pdu, encode, encode_raw

PDUS = st.lists(
    st.tuples(st.binary(max_size=600), st.integers(0, 3).map(lambda words: bytes(4 * words))),
    min_size=1,
    max_size=6,
)
ALL_DIGESTS = [Digests(header, data) for header in (False, True) for data in (False, True)]


def bytes_of(data: bytes, ahs: bytes, digests: Digests) -> bytes:
    header = NopOut(cmd_sn=len(data), exp_stat_sn=0)
    return b"".join(encode(header, data, ahs=ahs, digests=digests))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # RFC 7143 appendix A.4: the digests of the RFC's own examples.
        (bytes(32), "aa36918a"),
        (b"\xff" * 32, "43aba862"),
        (bytes(range(32)), "4e79dd46"),
        (bytes(range(31, -1, -1)), "5cdb3f11"),
        (bytes.fromhex("01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000"), "563a96d9"),
    ],
)  # fmt: skip
def test_crc32c_of_the_standard_examples(data: bytes, expected: str) -> None:
    assert expected == crc32c(data).to_bytes(4, "little").hex()
    assert crc32c(data) == crc32c(data[7:], crc32c(data[:7]))


@settings(deadline=None, max_examples=60)
@given(
    pdus=PDUS,
    digests=st.sampled_from(ALL_DIGESTS),
    cuts=st.lists(st.integers(1, 700), min_size=1, max_size=30),
)
def test_pdus_come_back_whatever_the_pieces(
    pdus: list[tuple[bytes, bytes]], digests: Digests, cuts: list[int]
) -> None:
    """The stream is cut where TCP cuts it, not where PDUs end."""
    stream = b"".join(bytes_of(data, ahs, digests) for data, ahs in pdus)
    framer = Framer(digests=digests)
    found: list[Pdu] = []

    at = 0
    while at < len(stream):
        piece = stream[at : at + cuts[len(found) % len(cuts)]]
        space = framer.space()
        take = min(len(space), len(piece))
        space[:take] = piece[:take]
        framer.filled(take)
        at += take
        while (pdu := framer.next_pdu()) is not None:
            found.append(pdu)

    assert pdus == [(pdu.data, pdu.ahs) for pdu in found]
    assert all(pdu.data_intact for pdu in found)
    assert framer.buffered == 0


def test_byte_by_byte() -> None:
    stream = bytes_of(b"abcde", b"", Digests(True, True))
    framer = Framer(digests=Digests(True, True))
    for byte in stream[:-1]:
        framer.feed(bytes((byte,)))
        assert framer.next_pdu() is None
    framer.feed(stream[-1:])

    pdu = framer.next_pdu()

    assert pdu is not None
    assert (b"abcde", Opcode.NOP_OUT) == (pdu.data, pdu.opcode)
    assert pdu.decode() == NopOut.decode(pdu.header)


def test_a_longer_pdu_gets_room_and_no_more_is_held() -> None:
    """Memory is bounded by what was agreed."""
    length = 3 * LEAST_CAPACITY
    framer = Framer(length)
    stream = memoryview(bytes_of(bytes(length), b"", Digests()) * 3)
    most = 0

    found = at = 0
    while at < len(stream):
        space = framer.space()
        most = max(most, len(space) + framer.buffered)
        take = min(len(space), len(stream) - at)
        space[:take] = stream[at : at + take]
        framer.filled(take)
        at += take
        while framer.next_pdu() is not None:
            found += 1

    assert found == 3
    assert most <= length + LEAST_CAPACITY + 2048


def test_many_short_pdus_need_no_more_room() -> None:
    """What is left at the end of the buffer moves to its front."""
    framer = Framer()
    stream = memoryview(bytes_of(b"abc", b"", Digests()) * 5000)
    count = at = 0
    while at < len(stream):
        space = framer.space()
        take = min(len(space), len(stream) - at)
        space[:take] = stream[at : at + take]
        framer.filled(take)
        at += take
        while framer.next_pdu() is not None:
            count += 1
        assert len(space) + framer.buffered <= 2 * LEAST_CAPACITY

    assert count == 5000


def test_feed_takes_more_than_one_buffer_holds() -> None:
    framer = Framer(1 << 20)
    framer.feed(bytes_of(b"x" * 10, b"", Digests()))
    framer.feed(bytes_of(bytes(1 << 20), b"", Digests()))

    assert [10, 1 << 20] == [len(pdu.data) for pdu in iter(framer.next_pdu, None) if pdu is not None]


def test_a_length_beyond_what_was_agreed_is_an_error_before_any_data() -> None:
    """RFC 7143 13.12: never memory."""
    framer = Framer(512)
    framer.feed(bytes_of(bytes(513), b"", Digests())[:48])

    with pytest.raises(FramingError, match="announces 513 bytes of data, 512 are agreed"):
        framer.next_pdu()


def test_a_wrong_header_digest_ends_the_stream() -> None:
    stream = bytearray(bytes_of(b"abc", b"", Digests(header=True)))
    stream[20] ^= 1
    framer = Framer(digests=Digests(header=True))
    framer.feed(stream)

    with pytest.raises(FramingError, match="header digest of opcode 00h"):
        framer.next_pdu()


def test_a_wrong_data_digest_is_told_and_the_stream_goes_on() -> None:
    stream = bytearray(bytes_of(b"abc", b"", Digests(data=True)))
    stream[49] ^= 1
    framer = Framer(digests=Digests(data=True))
    framer.feed(bytes(stream) + bytes_of(b"", b"", Digests(data=True)))

    damaged, whole = framer.next_pdu(), framer.next_pdu()

    assert damaged is not None
    assert not damaged.data_intact
    assert whole is not None
    assert whole.data_intact


def test_additional_headers_are_whole_words() -> None:
    with pytest.raises(ValueError, match="5 bytes are no multiple of four"):
        encode_raw(bytes(48), ahs=bytes(5))


def test_an_unknown_opcode_is_data() -> None:
    assert Pdu(b"\x1f" + bytes(47)).decode() is None
    assert isinstance(Pdu(b"\x20" + bytes(47)).decode(), NopIn)


def test_every_opcode_has_its_table() -> None:
    assert set(Opcode) == set(HEADERS)
    assert all(table.decode(bytes((code,)) + bytes(47)).opcode == code for code, table in HEADERS.items())


def test_lengths_are_filled_in() -> None:
    command = ScsiCommand(cmd_sn=1, exp_stat_sn=2, cdb=bytes(16), data_segment_length=99)

    header = ScsiCommand.decode(b"".join(encode(command, b"12345", ahs=bytes(8))))

    assert (2, 5) == (header.total_ahs_length, header.data_segment_length)
