"""Bytes of a disk behind a nexus: what the ext4 reader and a digest read, through the host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from threepce.agent import inspection
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.agent.resolve.mapping import FILE_SYSTEM, CannotResolve, FileMap
from threepce.scsi.block import Read10, Read16
from threepce.scsi.cdb import Cdb

__all__ = ["DiskReader"]

PIECE = 128 * 1024
"""Bytes read at a time: what the oldest host adapters still take."""


class DiskReader:
    """Reads a block device. `bytes_read` counts all that came through the host."""

    def __init__(self, executor: Executor, device: Device) -> None:
        self._executor = executor
        self.device = device
        self.capacity = inspection.read_capacity(executor, device)
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises CannotResolve beyond the end, CommandFailed, TransportError."""
        return b"".join(self._pieces(offset, length))

    def _pieces(self, offset: int, length: int) -> Iterator[bytes]:
        block, end = self.capacity.block_length, offset + length
        if offset < 0 or end > block * self.capacity.number_of_blocks:
            raise CannotResolve(str(self.device), f"the disk ends before byte {end}")
        while offset < end:
            lba, skipped = divmod(offset, block)
            blocks = -(-min(skipped + end - offset, max(PIECE, block)) // block)
            data = self._read(lba, blocks)
            if len(data) != blocks * block:
                raise CannotResolve(
                    str(self.device), f"{len(data)} bytes came for {blocks} blocks of {block}"
                )
            piece = data[skipped : skipped + end - offset]
            yield piece
            offset += len(piece)

    def _read(self, lba: int, blocks: int) -> bytes:
        cdb: Cdb = Read16(logical_block_address=lba, transfer_length=blocks)
        if lba + blocks <= 1 << 32:  # many old disks know no other
            cdb = Read10(logical_block_address=lba, transfer_length=blocks)
        length = blocks * self.capacity.block_length
        data = self._executor.send(self.device, cdb, data_in_length=length).data_in
        self.bytes_read += len(data)
        return data

    def sha256(self, file: FileMap) -> str:
        """The digest of a file, whose holes are zeros, read from its blocks.

        Of the file system itself, where nobody wants to read what is between, of its blocks alone.
        """
        digest, at = hashlib.sha256(), 0
        if file.name == FILE_SYSTEM:
            for extent in file.extents:
                for piece in self._pieces(extent.physical, extent.length):
                    digest.update(piece)
            return digest.hexdigest()
        for extent in file.extents:
            _zeros(digest, min(extent.logical, file.size) - at)
            at = extent.logical
            for piece in self._pieces(extent.physical, max(0, min(extent.length, file.size - at))):
                digest.update(piece)
                at += len(piece)
        _zeros(digest, file.size - at)
        return digest.hexdigest()


def _zeros(digest: hashlib._Hash, count: int) -> None:
    piece = bytes(min(max(count, 0), 1 << 20))
    while count > 0:
        digest.update(piece[:count])
        count -= len(piece)
