"""A recording in a file: what SIMH and AWS images share.

The table of objects is in memory; the file is read and written through it. The order of the writes,
and so what a kill leaves behind, is told where each format stores (``simh``, ``aws``); for both:

- to record over something, the sidecar first says that less was acknowledged, then the file is cut,
  then the new objects are put behind its end;
- to synchronize is to have the file on the disk, and then to say so in the sidecar;
- damage behind the last byte that was acknowledged, after a kill, is a write that was torn: it was
  never recorded, and the next write cuts it off. Damage anywhere else is damage.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threepce.emulator.cartridge.image_file import NO_ROOM, ImageFile
from threepce.emulator.cartridge.objects import FILEMARK, ObjectTable, check_blocks
from threepce.emulator.cartridge.recording import FILEMARK_USES, RecordingFault
from threepce.emulator.cartridge.scan import Findings, Progress
from threepce.emulator.cartridge.sidecar import SavedTable, Sidecar

__all__ = ["ImageRecording"]

SAVED_FROM = 10_000
"""Objects: an image with fewer is scanned sooner than anybody notices."""
FILEMARKS_AT_ONCE = 1 << 14
SAMPLES = 64


class ImageRecording(ABC):
    """A recording in a file. See Recording. Raises OSError, with the path, where it cannot be opened.

    `write_protected` opens it for reading, and so does a file that may not be written: nothing is
    changed then, beside it neither. `progress` is told of the scan; `trusting` is False where a table
    saved beside the image is not to be believed.
    """

    def __init__(
        self,
        path: Path,
        *,
        write_protected: bool = False,
        create: bool = True,
        trusting: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.path = path
        self._file = ImageFile(path, writable=not write_protected, create=create)
        self._sidecar = Sidecar(path.resolve())
        self._closed = self._begun = self._dirty = False
        self._lost: RecordingFault | None = None
        try:
            saved = self._sidecar.load(self._file.state())
            self._kept = saved is not None and trusting and self._recall(saved)
            if not self._kept:
                self._take(self._scan(progress))
        except OSError as error:
            self._file.close()
            raise OSError(error.errno, error.strerror, str(path)) from error
        except BaseException:
            self._file.close()
            raise

    def __str__(self) -> str:
        return str(self.path)

    # --- the format's business ------------------------------------------------------------------

    MARKER: bytes
    """What stands behind the last object."""

    @abstractmethod
    def _scan(self, progress: Progress | None) -> Findings:
        """Find the objects of the file. Raises OSError."""

    @abstractmethod
    def _image_length(self, length: int) -> int:
        """The bytes that a block of this length takes, or with FILEMARK a filemark."""

    @abstractmethod
    def _behind(self, number: int) -> int:
        """The byte behind an object."""

    @abstractmethod
    def _stands(self, number: int) -> bool:
        """Whether the image has at the offset of an object what the table says. Raises OSError."""

    @abstractmethod
    def _fetch(self, offset: int, behind: int, count: int, length: int) -> bytes:
        """The blocks of one length that lie between two bytes of the image.

        Raises OSError, and ValueError or struct.error where they are not there.
        """

    @abstractmethod
    def _store(self, end: int, data: memoryview, block_length: int) -> None:
        """Put blocks behind the last object. Raises OSError; what is stored then is cut off again."""

    @abstractmethod
    def _store_filemarks(self, end: int, count: int) -> None:
        """Put filemarks behind the last object, as `_store` does."""

    # --- opening --------------------------------------------------------------------------------

    def _recall(self, saved: SavedTable) -> bool:
        """Take over a saved table, if what it says is found at some places of the image."""
        lengths, offsets = saved.lengths, saved.offsets
        end = offsets[-1] + self._image_length(lengths[-1])
        self._take(Findings(offsets, lengths, end=end))
        self._marked = self._file.read(end, len(self.MARKER)) == self.MARKER
        self._clean = self._file.size() == self._whole_size()
        numbers = [*range(0, len(offsets), max(len(offsets) // SAMPLES, 1)), len(offsets) - 1]
        return self._clean and all(map(self._stands, numbers))

    def _take(self, found: Findings) -> None:
        """Have what a scan found."""
        self.findings = found
        self._table = ObjectTable()
        self._table.append_lengths(found.lengths)
        found.lengths = self._table.lengths  # a second copy is of no use
        self._offsets = found.offsets
        self._flawed = set(found.flawed)
        self._end = found.end
        self._damage: RecordingFault | None = found.damage
        self._torn: RecordingFault | None = None
        acknowledged = self._sidecar.acknowledged
        if found.damage is not None and acknowledged is not None:
            assert found.damage.offset is not None
            if found.damage.offset >= acknowledged:
                self._damage, self._torn = None, found.damage
        self._marked = found.marker == found.end
        self._clean = self._file.size() == self._whole_size()

    def _whole_size(self) -> int:
        """The bytes of the file where nothing but our marker lies behind the last object."""
        return self._end + (len(self.MARKER) if self._marked else 0)

    # --- what there is --------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the file may be written."""
        return self._file.writable

    @property
    def objects(self) -> int:
        """See Recording."""
        return len(self._table)

    @property
    def damage(self) -> RecordingFault | None:
        """See Recording."""
        return self._damage

    @property
    def torn(self) -> RecordingFault | None:
        """A write that a kill tore, which counts as never done; None where there is none."""
        return self._torn

    @property
    def flawed(self) -> list[int]:
        """The numbers of the blocks that were marked as read with an error."""
        return sorted(self._flawed)

    @property
    def data_bytes(self) -> int:
        """The bytes of all blocks."""
        return self._table.used[-1] - FILEMARK_USES * len(self._table.filemarks)

    @property
    def end(self) -> int:
        """The byte behind the last object."""
        return self._end

    def offset(self, number: int) -> int:
        """The byte at which an object begins."""
        return self._offsets[number]

    def block_length(self, number: int) -> int | None:
        """See Recording."""
        return self._table.block_length(number)

    def filemarks_before(self, number: int) -> int:
        """See Recording."""
        return self._table.filemarks_before(number)

    def filemark(self, index: int) -> int | None:
        """See Recording."""
        return self._table.filemark(index)

    def bytes_before(self, number: int) -> int:
        """See Recording."""
        return self._table.used[number]

    # --- reading --------------------------------------------------------------------------------

    def read(self, number: int) -> bytes:
        """See Recording."""
        return self._read(number, 1, self._table.lengths[number])

    def read_run(self, number: int, most: int, block_length: int) -> bytes:
        """See Recording. A flawed block ends the run, or is the fault where it is the first."""
        count = self._table.run(number, most, block_length)
        if not count:
            return b""
        if self._flawed and (flawed := self._flawed.intersection(range(number + 1, number + count))):
            count = min(flawed) - number
        end = self._offsets[number] + self._image_length(block_length) * count
        if self._behind(number + count - 1) != end:  # gaps between them, or chunks of other lengths
            return b"".join(map(self.read, range(number, number + count)))
        return self._read(number, count, block_length)

    def _read(self, number: int, count: int, block_length: int) -> bytes:
        offset = self._offsets[number]
        if number in self._flawed:
            raise RecordingFault(number, "the block is marked as read with an error", offset=offset)
        try:
            return self._fetch(offset, self._behind(number + count - 1), count, block_length)
        except (ValueError, struct.error) as error:
            raise RecordingFault(
                number, f"another program changed the file: {error}", offset=offset
            ) from error
        except OSError as error:
            raise RecordingFault(number, error.strerror, offset=offset) from error

    # --- writing --------------------------------------------------------------------------------

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        """See Recording. Where there is no room for all blocks, those are recorded that fit."""
        count = check_blocks(len(data), block_length)
        self.erase(number)
        self._table.admit(count)
        if not count:
            return
        view = memoryview(data)
        try:
            with self._storing():
                self._store(self._end, view, block_length)
        except RecordingFault as fault:
            if count == 1 or not fault.full:
                raise
            for at in range(0, len(view), block_length):
                self.write(self.objects, view[at : at + block_length], block_length)
            return  # there was room in the end: somebody made some
        stride = self._image_length(block_length)
        self._offsets.extend(range(self._end, self._end + stride * count, stride))
        self._table.append_blocks(count, block_length)
        self._end += stride * count

    def write_filemarks(self, number: int, count: int) -> None:
        """See Recording."""
        self.erase(number)
        self._table.admit(count)
        stride = self._image_length(FILEMARK)
        while count:
            some = min(count, FILEMARKS_AT_ONCE)
            with self._storing():
                self._store_filemarks(self._end, some)
            self._offsets.extend(range(self._end, self._end + stride * some, stride))
            self._table.append_filemarks(some)
            self._end += stride * some
            count -= some

    def erase(self, number: int) -> None:
        """See Recording."""
        self._admit_change(number)
        if number == self.objects and self._clean:
            return
        end = self._behind(number - 1) if number else 0
        self._begin()
        self._sidecar.acknowledge_at_most(end)
        with self._faults(number, end):
            self._file.truncate(end)
        self._dirty = True
        self._table.cut(number)
        del self._offsets[number:]
        self._flawed = {flawed for flawed in self._flawed if flawed < number}
        self._end, self._marked, self._clean = end, False, True
        self._damage = self._torn = None

    def _admit_change(self, number: int) -> None:
        """Raise where nothing may be written, or where the file is no longer what it was."""
        if self._lost is not None:
            raise self._lost
        if not self.writable:
            raise RecordingFault(number, "the cartridge was opened to be read only")
        if self._clean and self._file.size() != self._whole_size():
            reason = f"another program made the file {self._file.size()} bytes long, not {self._whole_size()}"
            raise RecordingFault(number, reason, offset=self._end)

    def _begin(self) -> None:
        """The first change since the image was opened: say so beside it."""
        if not self._begun:
            self._begun, self._kept = True, False
            self._sidecar.begin(self._end)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Behind the last object something is stored; what does not get there whole is cut off."""
        self._begin()
        self._dirty, self._clean = True, False
        with self._faults(self.objects, self._end):
            try:
                yield
            except OSError:
                self._file.truncate(self._end)
                self._marked, self._clean = False, True
                raise
        self._marked, self._clean = bool(self.MARKER), True

    @contextmanager
    def _faults(self, number: int, offset: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in NO_ROOM
            raise RecordingFault(number, error.strerror, offset=offset, full=full) from error

    def synchronize(self) -> None:
        """See Recording. After a failure every further one fails: what was lost cannot be told."""
        if self._lost is not None:
            raise self._lost
        if not self._dirty:
            return
        try:
            with self._faults(self.objects, self._end):
                self._file.flush()
        except RecordingFault as fault:
            self._lost = fault
            raise
        self._dirty = False
        self._sidecar.acknowledge(self._end)

    def close(self) -> None:
        """See Recording. Does nothing the second time."""
        if self._closed:
            return
        try:
            self.synchronize()
            if self.writable:
                self._keep()
        finally:
            self._closed = True
            self._file.close()

    def _keep(self) -> None:
        """Leave beside the image what opens it faster, or nothing."""
        if self._kept or self._torn is not None:
            return
        if self.objects >= SAVED_FROM and self._clean and not self._flawed:
            self._sidecar.save(SavedTable(self._offsets, self._table.lengths), self._file.state())
        else:
            self._sidecar.remove()
