"""Moving bytes from medium to medium."""

from __future__ import annotations

from threepce.emulator.medium.base import Medium
from threepce.emulator.medium.file import FileMedium

__all__ = ["copy_range"]


def copy_range(
    source: Medium, source_offset: int, destination: Medium, destination_offset: int, length: int
) -> None:
    """Move bytes from medium to medium, holes as holes.

    Where both ranges lie on one medium and overlap, all is read before anything is written. Raises
    MediumFault, of the medium at fault.
    """
    if (
        isinstance(source, FileMedium)
        and isinstance(destination, FileMedium)
        and source is not destination
        and destination.copy_from(destination_offset, source, source_offset, length)
    ):
        return
    pieces = source.pieces(source_offset, length)
    if source is destination and abs(source_offset - destination_offset) < length:
        pieces = iter([(count, None if view is None else memoryview(bytes(view))) for count, view in pieces])
    for count, view in pieces:
        if view is None:
            destination.zero(destination_offset, count)
        else:
            destination.write(destination_offset, view)
        destination_offset += count
