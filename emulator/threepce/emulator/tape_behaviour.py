"""What the tape drives of an engine are: the section ``tapes`` of a profile."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NO_TAPES", "TapeBehaviour"]

LONGEST_MINIMUM, LONGEST_MAXIMUM = 0xFFFF, 0xFFFFFF
"""What READ BLOCK LIMITS has room for (SSC-3)."""
HIGHEST_GRANULARITY = 15
LONGEST_NAME = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeBehaviour:
    """What the tape drives of the engine are. Lengths are in bytes."""

    offered: bool = False
    """There can be tape drives at all."""
    product_identification: str = "VIRTUAL TAPE"
    version_descriptors: tuple[int, ...] = ()
    vpd_pages: tuple[int, ...] = ()
    minimum_block_length: int = 1
    maximum_block_length: int = 1 << 23
    block_length_granularity: int = 0
    """GRANULARITY of READ BLOCK LIMITS: block lengths are multiples of two to the power of it."""
    density_code: int = 0xC0
    density_name: str = "VIRTUAL"

    def check(self) -> None:
        """Raise ValueError for limits that READ BLOCK LIMITS cannot tell, and a density that has no place."""
        shortest, longest = self.minimum_block_length, self.maximum_block_length
        if not (0 < shortest <= min(longest, LONGEST_MINIMUM) and longest <= LONGEST_MAXIMUM):
            raise ValueError(
                f"tapes: block lengths from {shortest} to {longest}: the shortest one is 1 to {LONGEST_MINIMUM}, "
                f"the longest up to {LONGEST_MAXIMUM}"
            )
        granularity = self.block_length_granularity
        if granularity > HIGHEST_GRANULARITY or shortest % (1 << granularity):
            raise ValueError(
                f"tapes.block_length_granularity: {granularity} is above {HIGHEST_GRANULARITY}, or the shortest "
                f"block length {shortest} is no multiple of two to the power of it"
            )
        if (
            self.density_code > 0xFF
            or len(self.density_name) > LONGEST_NAME
            or not self.density_name.isascii()
        ):
            raise ValueError(
                f"tapes: density {self.density_code:#x} {self.density_name!r}: a code has one byte, a name up to "
                "eight ASCII characters"
            )


NO_TAPES = TapeBehaviour()
"""What an engine without tape drives says of them."""
