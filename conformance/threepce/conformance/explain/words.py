"""What additional sense codes of a copy mean to somebody who has to act: the one place for such words.

Each entry has the keys the code comes with, one sentence on what happened, one on what to do, and the
clause. A code that is not here still has its T10 name. The texts are data: nothing here decides.
"""

from __future__ import annotations

from typing import NamedTuple

from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

__all__ = ["ADVICE", "ANSWERS", "KEYS", "STATUSES", "Advice"]

ILLEGAL, ABORTED = SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED
HARDWARE, ATTENTION = SenseKey.HARDWARE_ERROR, SenseKey.UNIT_ATTENTION


class Advice(NamedTuple):
    """What a code means for a copy, and what to do."""

    keys: tuple[SenseKey, ...]
    meaning: str
    action: str
    clause: str


BEFORE, DURING = "SPC-4 5.17.7.3", "SPC-4 5.17.7.4"

KEYS: dict[int, str] = {
    SenseKey.NO_SENSE: "Nothing went wrong, but there is something to know.",
    SenseKey.RECOVERED_ERROR: "The command succeeded after the device corrected an error.",
    SenseKey.NOT_READY: "The device cannot do this now; it may be able to later.",
    SenseKey.MEDIUM_ERROR: "The medium has a defect.",
    SenseKey.HARDWARE_ERROR: "The device has a defect, or an error of its own.",
    SenseKey.ILLEGAL_REQUEST: "The command or its parameter list is wrong. Nothing was copied.",
    SenseKey.UNIT_ATTENTION: "Something changed since the last command; the command was not processed.",
    SenseKey.DATA_PROTECT: "The medium, or a part of it, may not be read or written.",
    SenseKey.BLANK_CHECK: "The medium is blank there, or the data ends there.",
    SenseKey.VENDOR_SPECIFIC: "The vendor says what this means.",
    SenseKey.COPY_ABORTED: "The copy stopped while a segment was processed; segments before it are done.",
    SenseKey.ABORTED_COMMAND: "The device gave the command up; sending it again may help.",
    SenseKey.VOLUME_OVERFLOW: "The end of the medium came before all data was written.",
    SenseKey.MISCOMPARE: "The data on the medium is not what it was compared with.",
    SenseKey.COMPLETED: "The command succeeded, and there is information about it.",
}
"""SPC-4 4.5.6: what a sense key says, in a sentence."""

ADVICE: dict[tuple[int, int], Advice] = {
    (0x00, 0x16): Advice(
        (ILLEGAL,),
        "A copy with this list identifier is still in progress on this I_T nexus.",
        "Use another list identifier, or wait for the copy and read its status.",
        "SPC-4 5.17.4.2",
    ),
    (0x00, 0x20): Advice(
        (SenseKey.COMPLETED,),
        "The copy is done; the command-specific information is the number of segments processed.",
        "Nothing. This is what G_SENSE asked for.",
        "SPC-4 6.5.3",
    ),
    (0x08, 0x00): Advice(
        (SenseKey.NOT_READY, SenseKey.HARDWARE_ERROR),
        "The copy manager could not talk to a logical unit of the copy.",
        "Look at the path from the copy manager to both units, and at the block addresses: some copy "
        "managers (Linux LIO) give this for everything that fails within the copy.",
        DURING,
    ),
    (0x08, 0x04): Advice(
        (ABORTED,),
        "A segment names a CSCD that the copy manager cannot reach.",
        "Check the CSCD descriptor ids of the segment against the list, and that the copy manager, not only "
        "the host, has a path to the device.",
        DURING,
    ),
    (0x0D, 0x00): Advice(
        (ABORTED,),
        "The copy manager, acting as an initiator, detected an error itself.",
        "Read the answers of the devices in this sense data, then the log of the copy manager.",
        DURING,
    ),
    (0x0D, 0x01): Advice(
        (ABORTED,),
        "A device of the copy failed a command that the copy manager sent to it.",
        "Deal with what the device itself answered: it is in this sense data when the copy manager passes it on.",
        DURING,
    ),
    (0x0D, 0x02): Advice(
        (ABORTED,),
        "A device of the copy did not answer, or does not exist where the descriptor says.",
        "Check the designator or address in the CSCD descriptor, zoning and LUN masking for the copy manager.",
        DURING,
    ),
    (0x0D, 0x03): Advice(
        (ABORTED,),
        "The device is there, but not of the PERIPHERAL DEVICE TYPE in its CSCD descriptor (or block lengths "
        "that must be equal are not).",
        "Put the type from the device's INQUIRY data, and its block length, into the CSCD descriptor.",
        DURING,
    ),
    (0x0D, 0x04): Advice(
        (ABORTED,),
        "A device answered GOOD with fewer bytes than it was asked for.",
        "Compare the transfer length of the segment with the block lengths on the medium.",
        DURING,
    ),
    (0x0D, 0x05): Advice(
        (ABORTED,),
        "A device answered GOOD with more bytes than it was asked for.",
        "Compare the transfer length of the segment with the block lengths on the medium.",
        DURING,
    ),
    (0x1A, 0x00): Advice(
        (ILLEGAL,),
        "The parameter list ends too early, or its descriptors together are too long.",
        "Check PARAMETER LIST LENGTH against header, descriptors and inline data, and those against "
        "MAXIMUM DESCRIPTOR LIST LENGTH (`3pce limits`).",
        BEFORE,
    ),
    (0x20, 0x00): Advice(
        (ILLEGAL,),
        "The device does not know the command: no third-party copy here, or not this service action.",
        "Look for 3PC in its INQUIRY data, and try another logical unit of the array or the other command set "
        "(LID1, LID4).",
        "SPC-4 4.5.6",
    ),
    (0x21, 0x00): Advice(
        (ILLEGAL, ABORTED),
        "A block address, or the end of a range, is beyond the last logical block.",
        "Compare address and number of blocks with READ CAPACITY of both devices.",
        "SBC-3 4.5",
    ),
    (0x23, 0x00): Advice(
        (ILLEGAL,),
        "The ROD token is not accepted.",
        "Make a new token; look at its type and where it was made.",
        "SPC-4 5.17.6",
    ),
    (0x24, 0x00): Advice(
        (ILLEGAL,),
        "A field of the CDB has a value that is not supported; the pointer names it when there is one.",
        "Correct that field. After a RECEIVE COPY command it is most often the list identifier: no copy with "
        "it is known any more.",
        "SPC-4 4.5.2.4.2",
    ),
    (0x25, 0x00): Advice(
        (ILLEGAL,),
        "There is no logical unit at this LUN.",
        "Read REPORT LUNS again.",
        "SPC-4 4.5.6",
    ),
    (0x26, 0x00): Advice(
        (ILLEGAL, ABORTED),
        "A field of the parameter list has a value that is not supported; the pointer names it when there is one.",
        "Correct the field that the pointer names. With COPY ABORTED and SD set it counts within the segment.",
        "SPC-4 4.5.2.4.2, 4.5.2.4.5",
    ),
    (0x26, 0x06): Advice(
        (ILLEGAL,),
        "There are more CSCD (target) descriptors than the copy manager accepts.",
        "Send at most MAXIMUM CSCD DESCRIPTOR COUNT of them (`3pce limits`); 64-byte descriptors count twice.",
        BEFORE,
    ),
    (0x26, 0x07): Advice(
        (ILLEGAL,),
        "The copy manager does not support a CSCD (target) descriptor type in the list.",
        "Use a code of its list of implemented descriptors (`3pce limits`); E4h is the most common.",
        BEFORE,
    ),
    (0x26, 0x08): Advice(
        (ILLEGAL,),
        "There are more segment descriptors, or ranges, than the copy manager accepts.",
        "Send at most MAXIMUM SEGMENT DESCRIPTOR COUNT of them per command (`3pce limits`).",
        BEFORE,
    ),
    (0x26, 0x09): Advice(
        (ILLEGAL,),
        "The copy manager does not support a segment descriptor type in the list.",
        "Use a code of its list of implemented descriptors (`3pce limits`); 02h is the most common.",
        BEFORE,
    ),
    (0x26, 0x0A): Advice(
        (ABORTED,),
        "Bytes were left at the end of the segment, and neither CAT nor PAD says what to do with them.",
        "Set CAT to keep them for the next segment, PAD in the CSCD descriptor to fill up or drop them, or "
        "choose lengths that are multiples of both block lengths.",
        "SPC-4 6.4.6.1",
    ),
    (0x26, 0x0B): Advice(
        (ABORTED, ILLEGAL),
        "A segment wants inline data beyond INLINE DATA LENGTH, or inline data is not supported.",
        "Check offset and number of bytes of the segment against the header of the list, and that against "
        "MAXIMUM INLINE DATA LENGTH (`3pce limits`).",
        "SPC-4 6.4.6.6",
    ),
    (0x26, 0x0C): Advice(
        (ABORTED,),
        "The segment does something that its source or destination cannot do, such as a tape operation on a disk.",
        "Check which CSCD the segment names, and its device type.",
        "SPC-4 6.4.6",
    ),
    (0x26, 0x0D): Advice(
        (ABORTED,),
        "The length of the segment is no multiple of the DATA SEGMENT GRANULARITY, or is too long.",
        "Round the segment to the granularity and keep it within MAXIMUM SEGMENT LENGTH (`3pce limits`).",
        "SPC-4 6.22.2",
    ),
    (0x26, 0x14): Advice(
        (ABORTED, ILLEGAL),
        "The tape may not be mirrored now.",
        "Look for a reservation or a protected medium.",
        "SPC-4 6.4.6",
    ),
    (0x26, 0x15): Advice(
        (ABORTED, ILLEGAL),
        "The copy manager may not use the source or the destination on behalf of this initiator.",
        "Check the access rights of the initiator and of the copy manager to both units.",
        DURING,
    ),
    (0x26, 0x16): Advice(
        (ABORTED, ILLEGAL),
        "FCO asked for a fast copy only, and there is none for these two devices.",
        "Clear FCO to have the data copied in the ordinary way.",
        "SPC-5 6.4.7.5",
    ),
    (0x27, 0x00): Advice(
        (SenseKey.DATA_PROTECT,),
        "The destination is write protected.",
        "Remove the write protection, or choose another destination.",
        "SPC-4 4.5.6",
    ),
    (0x29, 0x00): Advice(
        (ATTENTION,),
        "The device was powered on or reset; all copies ended, and what was kept of their results is gone.",
        "Send the command again, and verify copies that were running.",
        "SPC-4 5.17.5",
    ),
    (0x2F, 0x02): Advice(
        (ABORTED,),
        "The copy was ended by COPY OPERATION ABORT, or by another initiator.",
        "Nothing, if that was meant. What was written until then is on the destination.",
        "SPC-4 5.17.5",
    ),
    (0x44, 0x00): Advice(
        (HARDWARE, SenseKey.ABORTED_COMMAND),
        "The copy manager has an error of its own.",
        "Look into its log; try again with a smaller list.",
        BEFORE,
    ),
    (0x55, 0x0C): Advice(
        (ILLEGAL, ABORTED),
        "The copy manager has no resources left to make a ROD.",
        "Wait for other copies to end, or use fewer RODs.",
        "SPC-4 5.17.6",
    ),
    (0x55, 0x0D): Advice(
        (ILLEGAL, ABORTED),
        "The copy manager has no resources left to make a ROD token.",
        "Let tokens that are no longer needed expire, or delete them.",
        "SPC-4 5.17.6",
    ),
}
"""By ASC and ASCQ."""

ANSWERS: dict[tuple[int, int], str] = {
    (0x00, 0x01): "The tape met a filemark. End the segment before it, and space over it (11h) in the list: "
    "the copy manager reads without SILI, so a filemark ends the copy.",
    (
        0x00,
        0x02,
    ): "The tape is at its end. Go on with another one, from the block after the last one written.",
    (0x00, 0x05): "The tape has no more data there. Check the position, and how much the segment reads.",
    (0x04, 0x01): "The device is becoming ready. Wait, and send what was not copied again.",
    (0x0C, 0x00): "The device could not write. Replace the medium or the device, then copy the rest.",
    (
        0x11,
        0x00,
    ): "The device cannot read a block. Its INFORMATION says which, when it is valid; copy around it "
    "or restore it, then copy the rest.",
    (
        0x1A,
        0x00,
    ): "The device takes the command of the copy manager for wrong. Ask the vendor of the copy manager.",
    (0x21, 0x00): "The block address is beyond the device. Compare the segment with its READ CAPACITY.",
    (
        0x24,
        0x00,
    ): "The device takes the command of the copy manager for wrong. Check block lengths and FIXED in "
    "the CSCD descriptor.",
    (0x25, 0x00): "The device has no such logical unit. Check the LUN in the CSCD descriptor.",
    (0x27, 0x00): "The device is write protected. Remove the protection, or choose another destination.",
    (0x28, 0x00): "The medium was changed. Check that it is the right one, then copy again.",
    (0x29, 0x00): "The device was reset. Check its position and its reservations, then copy what is left.",
    (0x3A, 0x00): "There is no medium in the device. Load one.",
}
"""What to do about the answer of a device of the copy, by its ASC and ASCQ (SSC-3, SBC-3)."""

STATUSES: dict[int, str] = {
    Status.BUSY: "The device was busy for longer than the copy manager waited. Try again later.",
    Status.RESERVATION_CONFLICT: "Another initiator holds a reservation. Register the copy manager, or have the "
    "reservation released.",
    Status.TASK_SET_FULL: "The device had no room for the command. Try again with less load.",
    Status.ACA_ACTIVE: "The device waits for its ACA condition to be cleared.",
    Status.TASK_ABORTED: "Somebody else aborted the command of the copy manager.",
}
"""What to do about the status of a device of the copy, where that is not CHECK CONDITION."""
