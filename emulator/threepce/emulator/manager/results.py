"""What is left of a copy for RECEIVE COPY RESULTS to fetch (SPC-4 6.21, 6.24).

Results are kept by I_T nexus and list identifier. The status goes when it has been read after the
end of the copy; the failure details go when all of them were transferred, or were asked for with
an allocation length of zero; both go when the list identifier is used again.
"""

from __future__ import annotations

from dataclasses import dataclass

from threepce.emulator.manager.copy import Copy
from threepce.scsi.copy_results import CopyStatus, CopyStatusData, FailureDetails, TransferCountUnits
from threepce.scsi.sam import Status

__all__ = ["KeptResults", "ResultStore"]

HIGHEST_COUNT = 0xFFFFFFFF


@dataclass(slots=True)
class KeptResults:
    """What can still be fetched of one copy."""

    copy: Copy
    has_status: bool = True
    has_details: bool = True

    def status_data(self) -> bytes:
        """RECEIVE COPY STATUS(LID1) parameter data; the count in the smallest unit that holds it."""
        copy = self.copy
        units, count = TransferCountUnits.BYTES, copy.bytes_written
        while count > HIGHEST_COUNT:
            units, count = TransferCountUnits(units + 1), count >> 10
        return CopyStatusData(
            copy_status=copy.status,
            segments_processed=copy.segments_processed,
            transfer_count_units=units,
            transfer_count=count,
        ).encode()

    def failure_details(self) -> bytes:
        """RECEIVE COPY FAILURE DETAILS(LID1) parameter data: four zero bytes where nothing is held."""
        sense = self.copy.sense
        if sense is None or not self.has_details:
            return bytes(4)
        raw = sense.encode(descriptor_format=self.copy.receiver.descriptor_format_sense())
        head = FailureDetails(
            available_data=FailureDetails.SIZE - 4 + len(raw),
            extended_copy_command_status=Status.CHECK_CONDITION,
            sense_data_length=len(raw),
        )
        return head.encode() + raw


class ResultStore:
    """The results of all nexuses of a target. At most 256 list identifiers each, as LID1 has."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], KeptResults] = {}

    def keep(self, initiator: str, list_identifier: int, copy: Copy) -> None:
        """Remember a copy from its start, in place of an older one with the same identifier."""
        self._kept[initiator, list_identifier] = KeptResults(copy)

    def find(self, initiator: str, list_identifier: int) -> KeptResults | None:
        """What is kept under an identifier."""
        return self._kept.get((initiator, list_identifier))

    def in_progress(self, initiator: str) -> set[int]:
        """The list identifiers of copies that have not ended."""
        return {
            identifier
            for (owner, identifier), kept in self._kept.items()
            if owner == initiator and kept.copy.status is CopyStatus.IN_PROGRESS
        }

    def forget(self, initiator: str) -> None:
        """Drop all of an initiator's results: its I_T nexus is lost (SPC-4 5.17.4.3)."""
        for key in [key for key in self._kept if key[0] == initiator]:
            del self._kept[key]
