"""One booted lab for most tests, and units on it that know how to be written and read."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.user_mode import UserModeLab
from threepce.scsi.nexus import Completion, Nexus

DRAIN = 8
serials = itertools.count(0xA11CE)


@dataclass(frozen=True)
class Unit:
    """A logical unit of a lab, its unit attentions drained."""

    nexus: Nexus
    lun: int
    serial: str
    block_length: int
    blocks: int

    def ready(self) -> Completion:
        """TEST UNIT READY."""
        return self.nexus.execute(self.lun, bytes(6))

    def write(self, lba: int, data: bytes) -> Completion:
        """WRITE(16)."""
        return self.nexus.execute(self.lun, self._cdb(0x8A, lba, len(data)), data)

    def read(self, lba: int, length: int) -> bytes:
        """READ(16)."""
        end = self.nexus.execute(self.lun, self._cdb(0x88, lba, length), data_in_length=length)
        assert 0 == end.status
        return end.data_in

    def page(self, code: int) -> bytes:
        """INQUIRY of a vital product data page."""
        cdb = bytes((0x12, 1, code, 1, 0, 0))
        return self.nexus.execute(self.lun, cdb, data_in_length=256).data_in

    def _cdb(self, operation_code: int, lba: int, length: int) -> bytes:
        blocks = length // self.block_length
        return bytes((operation_code, 0)) + lba.to_bytes(8) + blocks.to_bytes(4) + bytes(2)


MakeUnit = Callable[..., Unit]


@pytest.fixture(scope="session")
def lab(say: Callable[[str], None]) -> Iterator[UserModeLab]:
    """A lab on the user-mode kernel; says how long it took to be ready."""
    start = time.monotonic()
    with open_user_mode() as opened:
        say(f"lab ready after {time.monotonic() - start:.2f} s")
        yield opened


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print past pytest's capture: the measured figures belong in every log."""
    manager = request.config.pluginmanager.get_plugin("capturemanager")

    def show(text: str) -> None:
        with manager.global_and_fixture_disabled() if manager else contextlib.nullcontext():
            print(f"\n{text}", flush=True)

    return show


@pytest.fixture
def make_unit(lab: UserModeLab) -> Iterator[MakeUnit]:
    """Makes units on the session's lab or another; the former are deleted after the test."""
    made: list[Unit] = []

    def make(*, block_length: int = 512, blocks: int = 2048, on: UserModeLab | None = None) -> Unit:
        home = on or lab
        serial = f"{next(serials):025x}"
        lun = home.create_unit(block_length=block_length, blocks=blocks, serial=serial)
        made.append(Unit(home.nexus, lun, serial, block_length, blocks))
        for unit in made:
            # A new unit gives its elder siblings a unit attention too: REPORTED LUNS DATA HAS
            # CHANGED (SPC-4 6.33).
            if unit.nexus is home.nexus:
                drain(unit)
        return made[-1]

    yield make
    for unit in made:
        if unit.nexus is lab.nexus:
            lab.delete_unit(unit.lun)


def drain(unit: Unit) -> None:
    """Take every pending unit attention from a unit."""
    for _ in range(DRAIN):
        if unit.ready().status == 0:
            return
    raise AssertionError(f"LUN {unit.lun} does not become ready: {unit.ready()}")
