"""What lies between two reads and writes of a copy: source data and destination data (SPC-4 6.4.6.1).

Source data was read and is not processed yet, destination data was processed and is not written yet.
Both stay from one segment to the next. Neither knows where its bytes came from or go to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

__all__ = ["Piece", "Pool", "Pools", "joined", "own"]

Piece = tuple[int, memoryview | None]
"""A length in bytes, and the bytes; None stands for zeros that are stored nowhere."""


def own(piece: Piece) -> Piece:
    """The piece with bytes that nobody can change: a view of a medium shows what is written later."""
    count, view = piece
    return piece if view is None or isinstance(view.obj, bytes) else (count, memoryview(bytes(view)))


def joined(pieces: list[Piece]) -> memoryview:
    """The bytes of pieces as one run; not copied where they are one already."""
    if len(pieces) == 1 and pieces[0][1] is not None:
        return pieces[0][1]
    return memoryview(b"".join(bytes(count) if view is None else view for count, view in pieces))


class Pool:
    """Bytes in order, as pieces that are not copied. `length` is how many there are."""

    __slots__ = ("_pieces", "length")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self.length = 0

    def put(self, pieces: Iterable[Piece]) -> None:
        """Add pieces at the end."""
        for piece in pieces:
            if piece[0]:
                self._pieces.append(piece)
                self.length += piece[0]

    def take(self, length: int) -> Iterator[Piece]:
        """Remove that many bytes from the front, never more than there are, piece by piece."""
        pieces = self._pieces
        while length:
            count, view = pieces.popleft()
            if count > length:
                rest = None if view is None else view[length:]
                pieces.appendleft((count - length, rest))
                count, view = length, None if view is None else view[:length]
            self.length -= count
            length -= count
            yield count, view

    def keep(self) -> None:
        """Make what is left independent of the media it was read from."""
        self._pieces = deque(own(piece) for piece in self._pieces)

    def clear(self) -> None:
        """Discard everything."""
        self._pieces.clear()
        self.length = 0


class Pools:
    """The source data and the destination data of one copy."""

    __slots__ = ("destination", "source")

    def __init__(self) -> None:
        self.source = Pool()
        self.destination = Pool()

    @property
    def residue(self) -> int:
        """How many bytes there are in both."""
        return self.source.length + self.destination.length

    def keep(self) -> None:
        """Make what is left in both independent of the media it was read from."""
        self.source.keep()
        self.destination.keep()
