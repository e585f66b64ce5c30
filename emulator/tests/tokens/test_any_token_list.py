"""Any bytes as a parameter list for tokens: GOOD or a refusal, and nothing else is touched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.rod import PopulateToken, RodToken
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

from .bench import TokenBench, filled, profile_with, ranges_of

BLOCKS = 8


def bench() -> tuple[TokenBench, RodToken]:
    """Small disks, and a token."""
    made = TokenBench(profile_with(), blocks=BLOCKS)
    return made, made.populate((0, 4))


BENCH, TOKEN = bench()
LISTS = {
    "populate": PopulateToken.of(ranges_of(((0, 2), (4, 2)))).encode(),
    "write": BENCH.write_list(TOKEN, (0, 2), (4, 2), offset_into_rod=1),
}


@st.composite
def lists(draw: st.DrawFn, kind: str) -> bytes:
    """A good list with a few bytes changed, cut or lengthened; or noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=600))
    data = bytearray(LISTS[kind])
    places = st.integers(0, len(data) - 1) | st.integers(0, 15) | st.integers(len(data) - 34, len(data) - 1)
    for _ in range(draw(st.integers(0, 5))):
        data[draw(places)] = draw(st.sampled_from([0, 1, 2, 4, 0x10, 0x20, 0x7F, 0xFF]))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))] + draw(st.binary(max_size=8)))


@given(data=lists("populate"))
@settings(max_examples=1500, deadline=None)
def test_any_list_of_populate_token(data: bytes) -> None:
    """What comes of it is a token, or ILLEGAL REQUEST."""
    answer = BENCH.send_populate(raw=data)
    BENCH.san.clock.advance(700)

    assert answer.status == Status.GOOD or BENCH.code(answer)[0] == SenseKey.ILLEGAL_REQUEST
    assert BENCH.a.read(0, BLOCKS) == filled(*range(BLOCKS))


@given(data=lists("write"))
@settings(max_examples=1500, deadline=None)
def test_any_list_of_write_using_token(data: bytes) -> None:
    """What comes of it is written to the unit that received it, or ILLEGAL REQUEST."""
    made, token = bench()
    assert token == TOKEN
    answer = made.write(token, raw=data)

    assert answer.status == Status.GOOD or made.code(answer)[0] == SenseKey.ILLEGAL_REQUEST
    assert made.a.read(0, BLOCKS) == filled(*range(BLOCKS))
    made.san.close()
