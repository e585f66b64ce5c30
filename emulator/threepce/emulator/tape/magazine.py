"""The cartridges at hand, and which of them is in the drive or was there last."""

from __future__ import annotations

from collections.abc import Iterable

from threepce.emulator.cartridge import Cartridge, RecordingFault

__all__ = ["Magazine"]


class Magazine:
    """Cartridges in a row; at first none of them is selected."""

    def __init__(self, cartridges: Iterable[Cartridge]) -> None:
        self._cartridges = list(cartridges)
        self._slot = -1

    @property
    def selected(self) -> Cartridge:
        """The cartridge that is in the drive, or was there last."""
        return self._cartridges[self._slot]

    def advance(self, *, around: bool = False) -> bool:
        """Select the next cartridge, with `around` the first one behind the last; False where there is none."""
        following = self._slot + 1
        if around and following >= len(self._cartridges):
            following = 0
        if following >= len(self._cartridges):
            return False
        self._slot = following
        return True

    def insert(self, cartridge: Cartridge) -> None:
        """Put a cartridge behind the selected one, and select it."""
        self._slot += 1
        self._cartridges.insert(self._slot, cartridge)

    def remove(self) -> None:
        """Take the selected cartridge out; the one before it counts as selected."""
        del self._cartridges[self._slot]
        self._slot -= 1

    def close(self) -> None:
        """Close all cartridges. Raises the first RecordingFault, when the others are closed too."""
        faults = []
        for cartridge in self._cartridges:
            try:
                cartridge.close()
            except RecordingFault as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
