"""Sense data as a value, and its two renderings: fixed and descriptor format (SPC-4 4.5).

Decoding survives whatever a device sends: unknown keys and codes stay numbers, data cut short
gives what was there. What a format cannot hold is dropped on encoding, and the fixed format's
four-byte fields leave VALID at zero for an INFORMATION that does not fit (SPC-4 4.5.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from threepce.scsi.additional_sense import NO_ADDITIONAL_SENSE_INFORMATION, AdditionalSense
from threepce.scsi.layout import Table, bit, bits, u8, u16, u32, u64

__all__ = ["FieldPointer", "Sense", "SenseKey"]


class SenseKey(IntEnum):
    """SPC-4 4.5.6: the kind of trouble."""

    NO_SENSE = 0x0
    RECOVERED_ERROR = 0x1
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    BLANK_CHECK = 0x8
    VENDOR_SPECIFIC = 0x9
    COPY_ABORTED = 0xA
    ABORTED_COMMAND = 0xB
    VOLUME_OVERFLOW = 0xD
    MISCOMPARE = 0xE
    COMPLETED = 0xF

    @property
    def text(self) -> str:
        """The name as T10 writes it."""
        return self.name.replace("_", " ")


class FixedSense(Table, size=18, ref="SPC-4 4.5.3"):
    """Sense data in fixed format, up to the additional sense bytes."""

    valid: bool = bit(0, 7, default=False)
    response_code: int = bits(0, 6, 0, default=0x70)
    filemark: bool = bit(2, 7, default=False)
    eom: bool = bit(2, 6, default=False)
    ili: bool = bit(2, 5, default=False)
    sense_key: int = bits(2, 3, 0, default=0)
    information: int = u32(3, default=0)
    additional_sense_length: int = u8(7, default=10)
    command_specific_information: int = u32(8, default=0)
    additional_sense_code: int = u8(12, default=0)
    additional_sense_code_qualifier: int = u8(13, default=0)
    field_replaceable_unit_code: int = u8(14, default=0)
    sksv: bool = bit(15, 7, default=False)
    command_data: bool = bit(15, 6, default=False)
    segment_descriptor: bool = bit(15, 5, default=False)
    bpv: bool = bit(15, 3, default=False)
    bit_pointer: int = bits(15, 2, 0, default=0)
    field_pointer: int = u16(16, default=0)


class DescriptorSense(Table, size=8, ref="SPC-4 4.5.2.1"):
    """The head of sense data in descriptor format."""

    response_code: int = bits(0, 6, 0, default=0x72)
    sense_key: int = bits(1, 3, 0, default=0)
    additional_sense_code: int = u8(2, default=0)
    additional_sense_code_qualifier: int = u8(3, default=0)
    additional_sense_length: int = u8(7, default=0)


class EightByteDescriptor(Table, size=12, ref="SPC-4 4.5.2.2, 4.5.2.3"):
    """The information (00h) and the command-specific information (01h) sense data descriptor."""

    descriptor_type: int = u8(0)
    additional_length: int = u8(1, default=0x0A)
    valid: bool = bit(2, 7, default=False)
    value: int = u64(4)


class SenseKeySpecificDescriptor(Table, size=8, ref="SPC-4 4.5.2.4"):
    """The sense key specific sense data descriptor (02h)."""

    descriptor_type: int = u8(0, default=0x02)
    additional_length: int = u8(1, default=0x06)
    sksv: bool = bit(4, 7, default=False)
    command_data: bool = bit(4, 6, default=False)
    segment_descriptor: bool = bit(4, 5, default=False)
    bpv: bool = bit(4, 3, default=False)
    bit_pointer: int = bits(4, 2, 0, default=0)
    field_pointer: int = u16(5, default=0)


class StreamDescriptor(Table, size=4, ref="SPC-4 4.5.2.6 and SSC-3"):
    """The stream commands sense data descriptor (04h)."""

    descriptor_type: int = u8(0, default=0x04)
    additional_length: int = u8(1, default=0x02)
    filemark: bool = bit(3, 7, default=False)
    eom: bool = bit(3, 6, default=False)
    ili: bool = bit(3, 5, default=False)


INFORMATION, COMMAND_SPECIFIC, SENSE_KEY_SPECIFIC, STREAM = 0x00, 0x01, 0x02, 0x04


@dataclass(frozen=True, slots=True)
class FieldPointer:
    """Which byte, and perhaps which bit, was at fault (SPC-4 4.5.2.4.2, 4.5.2.4.5).

    `command` says that the byte counts from the start of the CDB, else of the parameter list;
    `segment` that it counts from the start of the segment descriptor that the command-specific
    information names (the SD bit, with COPY ABORTED only).
    """

    byte: int
    bit: int | None = None
    command: bool = False
    segment: bool = False


@dataclass(frozen=True, slots=True)
class Sense:
    """What sense data says, whatever its format.

    `information` is None where VALID is zero. `command_specific` is the whole field as a number;
    `segment` is the segment number COPY ABORTED puts in it. `rest` is what follows the fields
    known here: the additional sense bytes, or the descriptors not decoded.
    """

    key: int
    code: AdditionalSense = NO_ADDITIONAL_SENSE_INFORMATION
    information: int | None = None
    command_specific: int | None = None
    pointer: FieldPointer | None = None
    filemark: bool = False
    eom: bool = False
    ili: bool = False
    deferred: bool = False
    rest: bytes = field(default=b"", repr=False)

    @property
    def segment(self) -> int | None:
        """The number, from 0, of the segment that failed (SPC-4 5.17.7.4); None unless COPY ABORTED."""
        if self.key != SenseKey.COPY_ABORTED or self.command_specific is None:
            return None
        return self.command_specific & 0xFFFF

    def encode(self, *, descriptor_format: bool = False) -> bytes:
        """Sense data in fixed format (18 bytes and `rest`), or in descriptor format."""
        return self._descriptors() if descriptor_format else self._fixed()

    def _fixed(self) -> bytes:
        pointer = self.pointer
        fits = self.information is not None and self.information < 1 << 32
        specific = self.command_specific or 0
        return (
            FixedSense(
                valid=fits,
                response_code=0x71 if self.deferred else 0x70,
                filemark=self.filemark,
                eom=self.eom,
                ili=self.ili,
                sense_key=self.key,
                information=self.information or 0 if fits else 0,
                additional_sense_length=10 + len(self.rest),
                command_specific_information=specific if specific < 1 << 32 else 0,
                additional_sense_code=self.code.asc,
                additional_sense_code_qualifier=self.code.ascq,
                sksv=pointer is not None,
                command_data=pointer is not None and pointer.command,
                segment_descriptor=pointer is not None and pointer.segment,
                bpv=pointer is not None and pointer.bit is not None,
                bit_pointer=(pointer.bit or 0) if pointer else 0,
                field_pointer=pointer.byte if pointer else 0,
            ).encode()
            + self.rest
        )

    def _descriptors(self) -> bytes:
        parts = b""
        if self.information is not None:
            parts += EightByteDescriptor(
                descriptor_type=INFORMATION, valid=True, value=self.information
            ).encode()
        if self.command_specific is not None:
            # A four-byte quantity is right-aligned in the eight bytes, but the segment number has
            # its own place: the third and fourth byte of the field (SPC-4 5.17.7.4).
            value = self.command_specific
            if self.key == SenseKey.COPY_ABORTED:
                value = (value & 0xFFFF) << 32
            parts += EightByteDescriptor(descriptor_type=COMMAND_SPECIFIC, value=value).encode()
        if (pointer := self.pointer) is not None:
            parts += SenseKeySpecificDescriptor(
                sksv=True,
                command_data=pointer.command,
                segment_descriptor=pointer.segment,
                bpv=pointer.bit is not None,
                bit_pointer=pointer.bit or 0,
                field_pointer=pointer.byte,
            ).encode()
        if self.filemark or self.eom or self.ili:
            parts += StreamDescriptor(filemark=self.filemark, eom=self.eom, ili=self.ili).encode()
        parts += self.rest
        head = DescriptorSense(
            response_code=0x73 if self.deferred else 0x72,
            sense_key=self.key,
            additional_sense_code=self.code.asc,
            additional_sense_code_qualifier=self.code.ascq,
            additional_sense_length=len(parts),
        )
        return head.encode() + parts

    @classmethod
    def decode(cls, data: bytes) -> Sense | None:
        """What `data` says, as far as it goes; None when it is not sense data of either format."""
        response_code = data[0] & 0x7F if data else 0
        if response_code in (0x70, 0x71):
            return cls._from_fixed(data)
        if response_code in (0x72, 0x73):
            return cls._from_descriptors(data)
        return None

    @classmethod
    def _from_fixed(cls, data: bytes) -> Sense:
        raw = FixedSense.decode(data[:18].ljust(18, b"\0"))
        length = min(len(data), 8 + raw.additional_sense_length) if len(data) > 7 else len(data)
        pointer = None
        if raw.sksv and length >= 18 and raw.sense_key in _POINTER_KEYS:
            pointer = FieldPointer(
                raw.field_pointer,
                raw.bit_pointer if raw.bpv else None,
                raw.command_data,
                raw.segment_descriptor and raw.sense_key == SenseKey.COPY_ABORTED,
            )
        return cls(
            key=_key(raw.sense_key),
            code=AdditionalSense(raw.additional_sense_code, raw.additional_sense_code_qualifier)
            if length >= 14
            else NO_ADDITIONAL_SENSE_INFORMATION,
            information=raw.information if raw.valid and length >= 7 else None,
            command_specific=raw.command_specific_information if length >= 12 else None,
            pointer=pointer,
            filemark=raw.filemark,
            eom=raw.eom,
            ili=raw.ili,
            deferred=raw.response_code == 0x71,
            rest=bytes(data[18:length]),
        )

    @classmethod
    def _from_descriptors(cls, data: bytes) -> Sense:
        raw = DescriptorSense.decode(data[:8].ljust(8, b"\0"))
        information = command_specific = pointer = None
        stream = StreamDescriptor()
        rest = b""
        at, end = 8, min(len(data), 8 + raw.additional_sense_length)
        while at + 2 <= end:
            piece = data[at : min(at + 2 + data[at + 1], end)]
            kind = piece[0]
            if kind == INFORMATION and len(piece) >= 12:
                found = EightByteDescriptor.decode(piece)
                information = found.value if found.valid else None
            elif kind == COMMAND_SPECIFIC and len(piece) >= 12:
                command_specific = EightByteDescriptor.decode(piece).value
                if raw.sense_key == SenseKey.COPY_ABORTED:
                    command_specific = command_specific >> 32 & 0xFFFF
            elif kind == SENSE_KEY_SPECIFIC and len(piece) >= 8:
                pointer = _pointer(raw.sense_key, SenseKeySpecificDescriptor.decode(piece))
            elif kind == STREAM and len(piece) >= 4:
                stream = StreamDescriptor.decode(piece)
            else:
                rest += piece
            at += len(piece)
        return cls(
            key=_key(raw.sense_key),
            code=AdditionalSense(raw.additional_sense_code, raw.additional_sense_code_qualifier)
            if len(data) >= 4
            else NO_ADDITIONAL_SENSE_INFORMATION,
            information=information,
            command_specific=command_specific,
            pointer=pointer,
            filemark=stream.filemark,
            eom=stream.eom,
            ili=stream.ili,
            deferred=raw.response_code == 0x73,
            rest=rest,
        )

    def __str__(self) -> str:
        key = self.key.text if isinstance(self.key, SenseKey) else f"sense key {self.key:X}h"
        text = f"{key} {self.code}"
        if self.segment is not None:
            text += f", segment {self.segment}"
        if self.pointer is not None:
            of = (
                "CDB"
                if self.pointer.command
                else "segment descriptor"
                if self.pointer.segment
                else "parameter list"
            )
            text += f", byte {self.pointer.byte} of the {of}"
            text += "" if self.pointer.bit is None else f" bit {self.pointer.bit}"
        if self.information is not None:
            text += f", information {self.information}"
        marks = [name for name in ("filemark", "eom", "ili") if getattr(self, name)]
        return text + "".join(f", {mark.upper()}" for mark in marks) + (", deferred" if self.deferred else "")


_POINTER_KEYS = (SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED)
"""The keys whose sense-key specific bytes are a field pointer or a segment pointer."""


def _key(value: int) -> int:
    # Asking an enum for a plain number with "in" raises before Python 3.12.
    return SenseKey._value2member_map_.get(value, value)  # type: ignore[return-value]


def _pointer(key: int, raw: SenseKeySpecificDescriptor) -> FieldPointer | None:
    if not raw.sksv or key not in _POINTER_KEYS:
        return None
    segment = raw.segment_descriptor and key == SenseKey.COPY_ABORTED
    return FieldPointer(raw.field_pointer, raw.bit_pointer if raw.bpv else None, raw.command_data, segment)
