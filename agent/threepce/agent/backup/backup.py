"""A backup: files whose blocks are known, from a disk to a tape, by a copy engine (Fig. 6).

Step 614, where the blocks are, is the resolve agent's and done before. Here come 612 (prepare the
tape), 616 (inline data: the header of each file) and 618 (the copy agent). A file is one request:
header, blocks, filemark, so one EXTENDED COPY where the limits allow.

*To go on* after the agent was killed: the tape is wound to its end, and the filemarks before there
count the whole sections. Label and last whole header must be those of this backup; then the tape goes
back behind that filemark and the next section is written over whatever was left there. So the result
is the one of a run that nobody killed.

All is checked before the first command that writes: the engine, the drive, every extent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from threepce.agent import inspection
from threepce.agent.agent import CopyAgent
from threepce.agent.backup.container import (
    FileHeader,
    Index,
    IndexEntry,
    Kind,
    Label,
    NotABackup,
    fingerprint,
    places,
    records,
    unpack,
)
from threepce.agent.backup.drive import Drive
from threepce.agent.backup.report import BackupReport, Notice, no_notice
from threepce.agent.backup.sections import read_header
from threepce.agent.engine import Engine
from threepce.agent.errors import InvalidRequest, UnexpectedAnswer
from threepce.agent.inspection import Capacity
from threepce.agent.report import CopyReport
from threepce.agent.request import CopyRequest, Device, Disk, Extent, Filemarks, Inline, Part, Tape
from threepce.agent.resolve.disk import DiskReader
from threepce.agent.resolve.mapping import FileMap
from threepce.scsi.segment import SegmentType

__all__ = ["TRANSFER_LENGTH", "BackupRequest", "TapeInUse", "back_up", "blocks_of"]

TRANSFER_LENGTH = 64 * 1024
"""Bytes of a block on the tape: what drives and engines take everywhere."""


class TapeInUse(NotABackup):
    """The tape holds something that this backup would destroy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """Files of one disk to one tape. Their extents are bytes of the disk.

    `digest` reads each file through the host for its SHA-256. `overwrite` starts at the beginning
    of the tape, whatever is there; without it the tape is empty, or has the beginning of this backup.
    """

    manager: Device
    source: Device
    tape: Device
    files: Sequence[FileMap]
    transfer_length: int = TRANSFER_LENGTH
    digest: bool = False
    overwrite: bool = False


def blocks_of(file: FileMap, capacity: Capacity, device: Device) -> list[Extent]:
    """The extents of a file in blocks of its disk; CAT but for the last, so they are one stream.

    Raises InvalidRequest for what is not whole blocks of the disk.
    """
    extents = []
    block = capacity.block_length
    for logical, physical, length in file.extents:
        if physical % block or length % block or physical + length > block * capacity.number_of_blocks:
            raise InvalidRequest(
                str(device), f"extent of {file.name} at byte", logical,
                f"{length} bytes from byte {physical} are no whole blocks of {block} bytes on the disk",
            )  # fmt: skip
        extents.append(Extent(physical // block, 0, length // block, cat=True))
    if extents:
        extents[-1] = extents[-1]._replace(cat=False)
    return extents


def back_up(
    agent: CopyAgent,
    request: BackupRequest,
    *,
    notice: Notice = no_notice,
    clock: Callable[[], float] = time.time,
) -> BackupReport:
    """Carry out a backup, or the rest of one. Raises AgentError, TransportError; see `TapeInUse`."""
    return _Backup(agent, request, notice, clock).run()


class _Backup:
    """One run."""

    def __init__(
        self, agent: CopyAgent, request: BackupRequest, notice: Notice, clock: Callable[[], float]
    ) -> None:
        self._agent, self._request = agent, request
        self._notice, self._clock = notice, clock
        self._reader = DiskReader(agent.executor, request.source)
        self._drive = Drive(agent.executor, request.tape)
        self._headers = [FileHeader(number, file) for number, file in enumerate(request.files, 1)]
        self._report = BackupReport()

    def run(self) -> BackupReport:
        """All of it."""
        begun = self._clock()
        request, report = self._request, self._report
        engine = self._agent.engine(request.manager)
        self._drive.check(request.transfer_length)
        extents = [blocks_of(header.file, self._reader.capacity, request.source) for header in self._headers]
        label = self._label(int(begun))
        done = 0 if request.overwrite else self._whole_sections(label)
        if done == 0:
            self._drive.rewind()
            self._section(engine, label.pack(), [])
        report.already = done
        whole = sum(header.file.allocated for header in self._headers)
        moved = sum(header.file.allocated for header in self._headers[: max(done - 1, 0)])
        for header, blocks in zip(self._headers, extents, strict=True):
            if header.number < done:
                continue
            file = header.file
            self._notice(file.name, moved, whole)
            packed = FileHeader(header.number, file, self._digest(file)).pack()
            copied = self._section(engine, packed, blocks)
            report.add(file.name, file.size, copied, 1 if self._inline(engine) else 0)
            moved += file.allocated
        if done < len(self._headers) + 2:
            self._section(engine, self._index(label).pack(), [])
        self._notice("", whole, whole)
        report.digest_bytes = self._reader.bytes_read
        report.seconds = self._clock() - begun
        return report

    def _label(self, created: int) -> Label:
        request, capacity = self._request, self._reader.capacity
        identity = inspection.identify(self._agent.executor, request.source)
        name = str(inspection.best_designator(request.source, identity.designators))
        return Label(
            source=name,
            block_length=capacity.block_length,
            number_of_blocks=capacity.number_of_blocks,
            transfer_length=request.transfer_length,
            files=len(self._headers),
            plan=fingerprint(self._headers, f"{name} {request.digest}", request.transfer_length),
            created=created,
        )

    def _digest(self, file: FileMap) -> str | None:
        return self._reader.sha256(file) if self._request.digest else None

    # Where to go on.

    def _whole_sections(self, label: Label) -> int:
        """How many sections of this backup are on the tape; the tape stands behind the last."""
        drive = self._drive
        drive.to_end_of_data()
        objects, sections = drive.position()
        if objects == 0:
            return 0
        drive.rewind()
        there = self._label_there(sections)
        if there is None:
            return 0
        if there.plan != label.plan:
            raise TapeInUse(
                str(self._request.tape),
                f"the tape holds another backup, of {there.files} files of {there.source}: files or their "
                "places have changed, or it is another tape. Load another one, or overwrite this one.",
            )
        sections = min(sections, len(self._headers) + 2)
        if 1 < sections <= len(self._headers) + 1:
            self._compare(sections - 1)
        drive.rewind()
        if sections:
            drive.space_filemarks(sections)
        return sections

    def _label_there(self, sections: int) -> Label | None:
        """The label on the tape; None for the beginning of one, which nobody misses."""
        where = str(self._request.tape)
        try:
            return Label.of(unpack(read_header(self._drive, where), Kind.LABEL, where), where)
        except NotABackup as error:
            if sections == 0 and self._begun_label():
                return None
            raise TapeInUse(
                where,
                f"the tape is not empty, and what it holds is no backup ({error.why}). Load another one, "
                "or overwrite this one.",
            ) from error

    def _begun_label(self) -> bool:
        """Whether the tape has the first blocks of a label and nothing else."""
        self._drive.rewind()
        first = self._drive.read(self._request.transfer_length)
        return first is not None and first.startswith(self._label(0).pack()[:12])

    def _compare(self, number: int) -> None:
        """Hold the header of a section to the file that should be there."""
        where = f"{self._request.tape}, section {number}"
        self._drive.rewind()
        self._drive.space_filemarks(number)
        header = FileHeader.of(unpack(read_header(self._drive, where), Kind.FILE, where), where)
        if not header.same_as(self._headers[number - 1]):
            raise TapeInUse(where, f"the tape has {header.file.name} there, not the file of this backup")

    # One section.

    def _inline(self, engine: Engine) -> bool:
        return SegmentType.INLINE_TO_STREAM in engine.parameters.implemented_descriptors

    def _section(self, engine: Engine, header: bytes, extents: Sequence[Extent]) -> CopyReport:
        """Header, blocks, filemark: by the engine, or what it has no segment for by the host."""
        request = self._request
        inline = self._inline(engine)
        marks = SegmentType.WRITE_FILEMARKS in engine.parameters.implemented_descriptors
        if not inline:
            self._write(header)
        parts: list[Part | Inline | Filemarks] = []
        if inline:
            parts.append(Inline(header))
        if extents:
            parts.append(Part(Disk(request.source), extents))
        if marks:
            parts.append(Filemarks(1))
        copied = CopyReport(0)
        if parts:
            copied = self._agent.run(
                self._agent.prepare(
                    CopyRequest(
                        manager=request.manager,
                        destination=Tape(request.tape, transfer_length=request.transfer_length, pad=True),
                        parts=parts,
                    ),
                    engine,
                )
            )
        if not marks:
            self._drive.write_filemark()
        return copied

    def _write(self, header: bytes) -> None:
        length = self._request.transfer_length
        for at in range(0, len(header), length):
            self._drive.write(header[at : at + length].ljust(length, b"\0"))
            self._report.header_bytes += length

    def _index(self, label: Label) -> Index:
        """Where each section is; that the tape agrees is checked first."""
        length = self._request.transfer_length
        digest = "0" * 64 if self._request.digest else None
        lengths = [
            records(len(FileHeader(header.number, header.file, digest).pack()), length)
            + records(header.file.allocated, length)
            for header in self._headers
        ]
        begins = places([*lengths, 0], length, len(label.pack()))
        objects, _ = self._drive.position()
        if objects != begins[-1]:
            raise UnexpectedAnswer(
                str(self._request.tape), "READ POSITION",
                f"the tape stands at logical object {objects}, and all sections end at {begins[-1]}: "
                "the engine wrote blocks of another length",
            )  # fmt: skip
        return Index(
            tuple(
                IndexEntry(header.number, header.file.name, header.file.size, at)
                for header, at in zip(self._headers, begins[:-1], strict=True)
            )
        )
