"""Half a minute of the fuzzer; ten minutes of it are `python -m emulator.tests.portal.fuzzer`."""

from __future__ import annotations

import os

from .fuzzer import SEED, fuzz

SECONDS = float(os.environ.get("THREEPCE_FUZZ_SECONDS", "30"))


def test_no_crash_no_hang_no_growth_and_others_unharmed() -> None:
    result = fuzz(SECONDS, SEED)
    print(f"seed {SEED}\n{result}")

    assert [] == result.failures
    assert result.counts["connections"] > SECONDS
    assert result.counts["looks of the witness"] > 1
    assert result.counts["answers: Reject"]
    assert result.counts["connections that the portal closed"]
