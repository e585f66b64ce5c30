"""Tokens of FreeBSD CTL (ctl_tpc.c at 2d614aa2): what is refused, and what a token is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from threepce.scsi.rod import BlockDeviceRange, PopulateToken, RodType
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import PopulateToken as PopulateTokenCdb

from .engine import Engine, illegal, sense_of

RANGE = BlockDeviceRange(logical_block_address=0, number_of_logical_blocks=4)


@pytest.fixture
def ctl(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine("freebsd-ctl")


def populate(e: Engine, *ranges: BlockDeviceRange, **fields: object) -> tuple[int, int, int] | None:
    data = PopulateToken.of(ranges or (RANGE,), **fields).encode()  # type: ignore[arg-type]
    cdb = PopulateTokenCdb(list_identifier=1, parameter_list_length=len(data)).encode()
    answer = e.nexus.execute(0, cdb, data)
    if answer.status == Status.GOOD:
        return None
    sense = sense_of(answer)
    return sense.key, *sense.code


def test_a_token_is_access_upon_reference(ctl: Engine) -> None:
    """ctl_tpc.c: the one type there is; no type asked for is that type too."""
    assert populate(ctl) is None
    assert populate(ctl, rod_type=RodType.ACCESS_UPON_REFERENCE) is None


def test_another_type_is_refused(ctl: Engine) -> None:
    """ctl_tpc.c: RTV with any other type is 26h/00h."""
    assert populate(ctl, rod_type=RodType.POINT_IN_TIME_COPY_DEFAULT) == illegal(0x26, 0x00)


def test_ten_minutes_are_the_longest_time(ctl: Engine) -> None:
    """ctl_tpc.c: an inactivity timeout above 600 seconds is 26h/00h."""
    assert populate(ctl, inactivity_timeout=600) is None
    assert populate(ctl, inactivity_timeout=601) == illegal(0x26, 0x00)


def test_ranges_must_be_there_and_apart(ctl: Engine) -> None:
    """ctl_tpc.c: 21h/00h beyond the end, 26h/00h where two overlap."""
    beyond = BlockDeviceRange(logical_block_address=4095, number_of_logical_blocks=2)

    assert populate(ctl, beyond) == illegal(0x21, 0x00)
    assert populate(ctl, RANGE, RANGE) == illegal(0x26, 0x00)
