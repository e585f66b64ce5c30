"""What an engine does with ROD tokens: the section ``tokens`` of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from threepce.scsi.rod_type import RodType

__all__ = ["NO_TOKENS", "DeviceErrors", "RodEnds", "TokenBehaviour"]

TOKENS_TO_MAKE = {
    RodType.ACCESS_UPON_REFERENCE,
    RodType.POINT_IN_TIME_COPY_DEFAULT,
    RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE,
    RodType.POINT_IN_TIME_COPY_ANY,
}
TOKEN_TYPES = TOKENS_TO_MAKE | {RodType.BLOCK_DEVICE_ZERO}


class RodEnds(StrEnum):
    """What WRITE USING TOKEN does where the ROD has fewer blocks than the ranges ask for."""

    PARTIAL = "partial"
    REFUSED = "refused"


class DeviceErrors(StrEnum):
    """How WRITE USING TOKEN tells of a disk that refused to be read or written."""

    COPY_ABORTED = "copy aborted"
    AS_THEY_ARE = "as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBehaviour:
    """What the copy manager does with ROD tokens. Times in seconds, transfers in blocks; 0 is no limit."""

    rod_types: tuple[int, ...] = ()
    """The types of token there are; with none of them there are no commands for tokens."""
    default_rod_type: int = 0
    """The type where the application client asks for none."""
    maximum_range_descriptors: int = 64
    maximum_inactivity_timeout: int = 600
    default_inactivity_timeout: int = 60
    maximum_token_lifetime: int = 3600
    maximum_token_transfer_size: int = 0
    optimal_transfer_count: int = 0
    transfers_at_most: int = 0
    """Of a longer WRITE USING TOKEN only so much is done, and that told; it is no refusal."""
    rod_ends: RodEnds = RodEnds.PARTIAL
    device_errors: DeviceErrors = DeviceErrors.COPY_ABORTED
    maximum_tokens: int = 64
    remembered_tokens: int = 256
    """Of how many it is known what ended them; older ones are unknown."""
    maximum_kept_length: int = 1 << 28
    """Bytes that tokens keep of what was overwritten, all of them together."""
    survive_reset: bool = True

    def can_make(self, rod_type: int) -> bool:
        """Whether a token of this type can be asked for."""
        return rod_type in TOKENS_TO_MAKE.intersection(self.rod_types)

    def can_use(self, rod_type: int) -> bool:
        """Whether there are tokens of this type; of "any" there are none."""
        return rod_type in self.rod_types and rod_type != RodType.POINT_IN_TIME_COPY_ANY

    def check(self) -> None:
        """Raise ValueError, naming the key, for tokens that nobody could make or use."""
        for code in self.rod_types:
            if code not in TOKEN_TYPES:
                known = " ".join(f"{kind:#010x}" for kind in sorted(TOKEN_TYPES))
                raise ValueError(
                    f"tokens.rod_types: {code:#010x} is no type of token that this emulator has; there are {known}"
                )
        if self.rod_types and not self.can_make(self.default_rod_type):
            raise ValueError(
                f"tokens.default_rod_type: {self.default_rod_type:#010x} is none of rod_types of which a token can "
                "be made"
            )
        least = {
            "maximum_range_descriptors": 1,
            "maximum_tokens": 1,
            "default_inactivity_timeout": 1,
            "maximum_inactivity_timeout": self.default_inactivity_timeout,
            "maximum_token_lifetime": 1,
        }
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"tokens.{name}: {getattr(self, name)} is less than {value}")


NO_TOKENS = TokenBehaviour()
