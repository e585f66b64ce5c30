"""Time in the emulator: it stands still until somebody moves it.

Hold times, delays and timeouts are measured on this clock, so a scenario that waits thirty
seconds takes none, and runs the same way every time.
"""

from __future__ import annotations

__all__ = ["VirtualClock"]


class VirtualClock:
    """Seconds since the emulator started, as a number that only `advance` changes."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a step backwards."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self.now += seconds
