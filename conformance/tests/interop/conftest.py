"""Guests with Linux's initiator for all tests, and a way to say what other programs said."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from .linux_copies import LinuxCopies, open_copies
from .linux_initiator import LinuxInitiator, open_initiator


@pytest.fixture(scope="session")
def linux(say: Callable[[str], None]) -> Iterator[LinuxInitiator]:
    """A guest that is logged in to a portal of ours."""
    start = time.monotonic()
    with open_initiator() as initiator:
        say(f"Linux is logged in to {len(initiator.disks)} disks after {time.monotonic() - start:.1f} s")
        yield initiator


@pytest.fixture(scope="session")
def copies(say: Callable[[str], None]) -> Iterator[LinuxCopies]:
    """A guest that is logged in to disks and tapes of one engine; tests leave any data on them."""
    start = time.monotonic()
    with open_copies() as guest:
        say(
            f"Linux is logged in to {len(guest.devices)} disks and tapes after {time.monotonic() - start:.1f} s"
        )
        yield guest


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print past pytest's capture: what other programs said belongs in every log."""
    manager = request.config.pluginmanager.get_plugin("capturemanager")

    def show(text: str) -> None:
        with manager.global_and_fixture_disabled() if manager else contextlib.nullcontext():
            print(f"\n    {text}", flush=True)

    return show
