"""The dialects of EXTENDED COPY: which text a parameter list was written after.

Four of them are on the wire. T10/99-143r1 (2 April 1999) has an 8-byte header and forms of its
own for some segment descriptors. SPC-2 r18 has a 16-byte header with the NRCR bit, which SPC-3
keeps. EXTENDED COPY(LID1) of SPC-4 and SPC-5 puts LIST ID USAGE where NRCR was. EXTENDED COPY(LID4)
has a 48-byte header. This module knows no table.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Dialect"]


class Dialect(Enum):
    """A way to write the parameter list of EXTENDED COPY."""

    T10_99_143 = "T10/99-143r1"
    SPC_2 = "SPC-2"
    LID1 = "SPC-4 LID1"
    LID4 = "SPC-4 LID4"

    @property
    def text(self) -> str:
        """The name of the text that defines it."""
        return self.value
