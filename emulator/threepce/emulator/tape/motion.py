"""How far a movement over a recording gets: SPACE and LOCATE (SSC-3 SPACE(6), LOCATE(10), LOCATE(16)).

Nothing here moves: from the objects of a recording and a position comes the position that results, and
what there is to tell. Forward a filemark in the way is passed, backwards it is not; end of data, damage
and the beginning of the partition stop every movement where they are.
"""

from __future__ import annotations

from typing import NamedTuple

from threepce.emulator.cartridge import Recording
from threepce.emulator.errors import CheckCondition
from threepce.emulator.tape.events import beginning_of_partition, behind_the_last_object, filemark
from threepce.scsi.stream_position import DestinationType, SpaceCode

__all__ = ["Landing", "locate", "space"]


class Landing(NamedTuple):
    """Where a movement ends, and why it ended there where that was not asked for."""

    number: int
    event: CheckCondition | None = None


def space(recording: Recording, number: int, code: int, count: int) -> Landing | None:
    """Go over `count` objects of a kind, backwards where it is negative; None for an unknown code.

    What is left to do is told without its sign, whatever the direction.
    """
    if code == SpaceCode.END_OF_DATA:
        return _end(recording, failed=recording.damage is not None)
    move = (
        {
            SpaceCode.LOGICAL_BLOCKS: (_blocks_forward, _blocks_backward),
            SpaceCode.FILEMARKS: (_filemarks_forward, _filemarks_backward),
            SpaceCode.SEQUENTIAL_FILEMARKS: (_sequence_forward, _sequence_backward),
        }.get(SpaceCode(code))
        if code in SpaceCode._value2member_map_
        else None
    )
    if move is None:
        return None
    if count == 0:
        return Landing(number)
    forward, backward = move
    return forward(recording, number, count) if count > 0 else backward(recording, number, -count)


def locate(recording: Recording, kind: DestinationType, wanted: int) -> Landing:
    """Go to an object, to the first object of a file, or to end of data."""
    if kind == DestinationType.LOGICAL_OBJECT:
        found: int | None = wanted if wanted <= recording.objects else None
    elif kind == DestinationType.LOGICAL_FILE:
        mark = recording.filemark(wanted - 1) if wanted else -1
        found = None if mark is None else mark + 1
    else:
        found = None if recording.damage is not None else recording.objects
    return _end(recording) if found is None else Landing(found)


def _end(recording: Recording, residual: int | None = None, *, failed: bool = True) -> Landing:
    event = behind_the_last_object(recording, residual) if failed else None
    return Landing(recording.objects, event)


def _blocks_forward(recording: Recording, number: int, count: int) -> Landing:
    mark = recording.filemark(recording.filemarks_before(number))
    if mark is not None and mark < number + count:
        return Landing(mark + 1, filemark(count - (mark - number)))
    if number + count > recording.objects:
        return _end(recording, count - (recording.objects - number))
    return Landing(number + count)


def _blocks_backward(recording: Recording, number: int, count: int) -> Landing:
    before = recording.filemarks_before(number)
    mark = recording.filemark(before - 1) if before else None
    if mark is not None and mark >= number - count:
        return Landing(mark, filemark(count - (number - mark - 1)))
    if count > number:
        return Landing(0, beginning_of_partition(count - number))
    return Landing(number - count)


def _filemarks_forward(recording: Recording, number: int, count: int) -> Landing:
    before = recording.filemarks_before(number)
    mark = recording.filemark(before + count - 1)
    if mark is None:
        return _end(recording, count - (recording.filemarks_before(recording.objects) - before))
    return Landing(mark + 1)


def _filemarks_backward(recording: Recording, number: int, count: int) -> Landing:
    before = recording.filemarks_before(number)
    mark = recording.filemark(before - count) if count <= before else None
    if mark is None:
        return Landing(0, beginning_of_partition(count - before))
    return Landing(mark)


def _sequence_forward(recording: Recording, number: int, count: int) -> Landing:
    index = recording.filemarks_before(number)
    while (last := recording.filemark(index + count - 1)) is not None:
        if last == (recording.filemark(index) or 0) + count - 1:
            return Landing(last + 1)
        index += 1
    return _end(recording)


def _sequence_backward(recording: Recording, number: int, count: int) -> Landing:
    for index in range(recording.filemarks_before(number) - count, -1, -1):
        first, last = recording.filemark(index), recording.filemark(index + count - 1)
        if first is not None and last == first + count - 1:
            return Landing(first)
    return Landing(0, beginning_of_partition(None))
