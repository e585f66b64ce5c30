"""What becomes of data left over at the end of a segment: PAD, CAT and the table of SPC-4 6.4.6.1.

Theory. A segment reads whole blocks or transfers and writes whole ones, so bytes may be left: source
data that was read and is not to be processed, destination data that fills no block. CAT keeps both for
the segments to come. Else the PAD bits of source and destination say what is done, and without either
the segment is inexact. A segment without a source counts as one whose source has PAD zero, one
without a destination as one whose destination has.

What is left after the last segment is discarded without an error.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["Left", "Residue", "residue_of"]


class Left(Enum):
    """What becomes of bytes that are left over."""

    KEPT = "kept for the segments to come"
    DISCARDED = "discarded"
    PADDED = "filled up with zeros to a whole block or transfer, and written"
    INEXACT = "UNEXPECTED INEXACT SEGMENT"


class Residue(NamedTuple):
    """What becomes of source data and of destination data."""

    source: Left
    destination: Left


CONCATENATED = Residue(Left.KEPT, Left.KEPT)
PADDING = {
    (True, True): Residue(Left.DISCARDED, Left.PADDED),
    (False, True): Residue(Left.KEPT, Left.PADDED),
    (True, False): Residue(Left.DISCARDED, Left.DISCARDED),
    (False, False): Residue(Left.INEXACT, Left.INEXACT),
}
"""By PAD of the source and PAD of the destination, with CAT zero."""


def residue_of(*, source_pad: bool, destination_pad: bool, cat: bool, designated: bool = False) -> Residue:
    """What becomes of what is left at the end of a segment.

    `designated`: the segment says which blocks or bytes of the destination are written, as 01h, 0Ch,
    09h, 0Ah, and 02h and 0Dh with DC do. Then nothing can be padded, and destination data that is
    still left makes the segment inexact all the same.
    """
    if cat:
        return CONCATENATED
    found = PADDING[source_pad, destination_pad]
    if designated and found.destination is Left.PADDED:
        return found._replace(destination=Left.INEXACT)
    return found
