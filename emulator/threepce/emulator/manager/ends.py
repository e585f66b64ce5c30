"""What a segment reads from and writes to: copy source and copy destination, of whatever kind.

``block`` and ``stream`` have the two kinds of each. An end knows its device and where in it the
segment goes on; it knows nothing of the other end, nor of PAD and CAT.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from threepce.emulator.manager.devices import Named, nothing_written

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext

__all__ = ["Destination", "End", "Source"]


class End:
    """One end of a segment."""

    def __init__(self, context: SegmentContext, named: Named) -> None:
        self.context = context
        self.named = named
        self.pad = named.cscd is not None and named.cscd.pad


class Source(Protocol):
    """A copy source. Reads go in order from where the segment says, or from where a stream is."""

    pad: bool
    designated: bool
    """The segment says which bytes become source data, whatever is left from before."""

    def read(self, need: int) -> Iterator[int]:
        """Read whole blocks or transfers into source data, just as many as have `need` bytes.

        A source that has a limit of its own may come to it before. Raises SegmentFault; what was
        read in full before is in source data then.
        """
        ...


class Destination(End):
    """A copy destination. Counts what is written, for INFORMATION (SPC-4 5.17.7.4)."""

    at_destination = True
    unit_bytes: int
    """Bytes of one of the units in which INFORMATION counts."""

    def __init__(self, context: SegmentContext, named: Named) -> None:
        super().__init__(context, named)
        self.planned = 0
        self.answers = context.gate.answers(named, self.residual, at_destination=True)

    @property
    def designated(self) -> bool:
        """Whether the segment says how much is written."""
        return False

    @property
    def written(self) -> int:
        """How many units have been written, from the first on without a gap."""
        raise NotImplementedError

    def plan(self, available: int, *, padded: bool) -> None:
        """See how many units will be written of that much destination data, were all to succeed.

        `padded`: the rest is filled up and written too. Raises SegmentFault where the segment gives
        no size to write in.
        """
        raise NotImplementedError

    def write(self, *, last: bool) -> Iterator[int]:
        """Write as many whole blocks or transfers of destination data as there are; yields bytes.

        `last`: there will be no more data, but for padding.
        """
        raise NotImplementedError

    def padding(self, rest: int) -> int:
        """How many zeros fill up that much destination data, which is no whole block or transfer."""
        raise NotImplementedError

    def residual(self) -> int | None:
        """What INFORMATION tells if the segment fails now."""
        return max(self.planned - self.written, 0) if self.written else nothing_written()
