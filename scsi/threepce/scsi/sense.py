"""Sense data as a value, and its two renderings: fixed and descriptor format (SPC-4 4.5).

Decoding survives whatever a device sends: unknown keys and codes stay numbers, data cut short
gives what was there, unknown descriptors are kept as they are. What a format cannot hold is
dropped on encoding: fixed format leaves VALID at zero for an INFORMATION above four bytes
(SPC-4 4.5.3), descriptor format has of the command-specific information of COPY ABORTED only the
segment number. What no sense data can hold is an EncodeError. The layouts are in ``sense_tables``,
what is read with more than a layout in ``sense_parts``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from threepce.scsi.additional_sense import NO_ADDITIONAL_SENSE_INFORMATION, AdditionalSense
from threepce.scsi.layout import EncodeError
from threepce.scsi.sam import Status
from threepce.scsi.sense_parts import (
    AREAS_AT,
    DESCRIPTOR,
    FIXED,
    FieldPointer,
    ForwardedSource,
    decode_key_specific,
    embedded_areas,
    role_of,
)
from threepce.scsi.sense_tables import (
    ActualRetryCount,
    DescriptorSense,
    EightByteDescriptor,
    FieldReplaceableUnitDescriptor,
    FixedSense,
    ForwardedSenseDescriptor,
    ProgressIndication,
    SenseDescriptorType,
    SenseKey,
    SenseKeySpecificDescriptor,
    StreamDescriptor,
    UnitAttentionQueueOverflow,
)

__all__ = ["DeviceSense", "FieldPointer", "FixedSense", "ForwardedSource", "Sense", "SenseKey"]


@dataclass(frozen=True, slots=True)
class DeviceSense:
    """What a copy source or destination itself answered: its status, and its sense data as it came.

    `truncated` is the FSDT bit: the copy manager did not forward all of it. Fixed format has no
    such bit.
    """

    status: int
    data: bytes = b""
    truncated: bool = False

    @property
    def sense(self) -> Sense | None:
        """The sense data decoded; None when there is none, or none of a known format."""
        return Sense.decode(self.data)

    def __str__(self) -> str:
        known = Status._value2member_map_.get(self.status)
        status = known.name.replace("_", " ") if known is not None else f"status {self.status:02X}h"
        return f"{status}, {self.sense}" if self.data else status


@dataclass(frozen=True, slots=True)
class Sense:
    """What sense data says, whatever its format.

    `information` is None where VALID is zero; one below zero is encoded in two's complement (SSC-3
    READ), and what is decoded is never below zero. `command_specific` is that field as a number, for
    COPY ABORTED without the offsets of the areas that became `source` and `destination`; `segment`
    is the segment number in it. Of `pointer`, `progress` (in 65,536ths) and `retries` at most
    one is set: they share their bytes. `rest` is what follows the fields known here: the
    additional sense bytes, or the descriptors not decoded, in their order.
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
    source: DeviceSense | None = None
    destination: DeviceSense | None = None
    progress: int | None = None
    retries: int | None = None
    queue_overflow: bool = False
    field_replaceable_unit: int = 0
    sdat_ovfl: bool = False

    @property
    def segment(self) -> int | None:
        """The number, from 0, of the segment that failed (SPC-4 5.17.7.4); None unless COPY ABORTED."""
        if self.key != SenseKey.COPY_ABORTED or self.command_specific is None:
            return None
        return self.command_specific & 0xFFFF

    def encode(
        self, *, descriptor_format: bool = False, forwarded: ForwardedSource = ForwardedSource.SPC_4
    ) -> bytes:
        """Sense data in fixed format (18 bytes, embedded areas, `rest`), or in descriptor format.

        Raises EncodeError for a number that fits no field, and for more additional sense bytes than
        their length can say: 245 in fixed format, 255 in descriptor format.
        """
        return self._descriptors(forwarded) if descriptor_format else self._fixed()

    def _fixed(self) -> bytes:
        fits = self.information is not None and -(1 << 31) <= self.information < 1 << 32
        specific = self.command_specific or 0
        areas, offsets = self._areas()
        head = FixedSense(
            valid=fits,
            response_code=FIXED[self.deferred],
            filemark=self.filemark,
            eom=self.eom,
            ili=self.ili,
            sdat_ovfl=self.sdat_ovfl,
            sense_key=self.key,
            information=(self.information or 0) & 0xFFFFFFFF if fits else 0,
            additional_sense_length=10 + len(areas) + len(self.rest),
            command_specific_information=offsets | specific if specific < 1 << 32 else offsets,
            additional_sense_code=self.code.asc,
            additional_sense_code_qualifier=self.code.ascq,
            field_replaceable_unit_code=self.field_replaceable_unit,
        ).encode()
        return head[:15] + self._key_specific() + areas + self.rest

    def _areas(self) -> tuple[bytes, int]:
        """The embedded areas of fixed format, and their offsets in place (SPC-4 5.17.7.4)."""
        areas, offsets = b"", 0
        for device, shift in ((self.source, 24), (self.destination, 16)):
            if device is not None:
                at = AREAS_AT + len(areas)
                if at > 0xFF or not 0 <= device.status <= 0xFF:
                    raise EncodeError(
                        f"FixedSense: an area at byte {at} with status {device.status:#x} does not fit the "
                        "byte for its offset and the byte for its status (SPC-4 5.17.7.4)"
                    )
                offsets |= at << shift
                areas += bytes((device.status,)) + device.data
        return areas, offsets

    def _key_specific(self) -> bytes:
        """The three sense-key specific bytes (SPC-4 4.5.2.4.1)."""
        if (pointer := self.pointer) is not None:
            return SenseKeySpecificDescriptor(
                sksv=True,
                command_data=pointer.command,
                segment_descriptor=pointer.segment,
                bpv=pointer.bit is not None,
                bit_pointer=pointer.bit or 0,
                field_pointer=pointer.byte,
            ).encode()[4:7]
        if self.progress is not None:
            return ProgressIndication(sksv=True, progress_indication=self.progress).encode()
        if self.retries is not None:
            return ActualRetryCount(sksv=True, actual_retry_count=self.retries).encode()
        return UnitAttentionQueueOverflow(sksv=self.queue_overflow, overflow=self.queue_overflow).encode()

    def _descriptors(self, forwarded: ForwardedSource) -> bytes:
        parts = b""
        if self.information is not None:
            value = self.information
            if -(1 << 63) <= value < 0:
                value &= (1 << 64) - 1
            parts += EightByteDescriptor(
                descriptor_type=SenseDescriptorType.INFORMATION, valid=True, value=value
            ).encode()
        if self.command_specific is not None:
            # A four-byte quantity is right-aligned in the eight bytes, but the segment number has
            # its own place: the third and fourth byte of the field (SPC-4 5.17.7.4).
            value = self.command_specific
            if self.key == SenseKey.COPY_ABORTED:
                value = (value & 0xFFFF) << 32
            parts += EightByteDescriptor(
                descriptor_type=SenseDescriptorType.COMMAND_SPECIFIC_INFORMATION, value=value
            ).encode()
        if any(specific := self._key_specific()):
            parts += SenseKeySpecificDescriptor().encode()[:4] + specific + b"\0"
        if self.field_replaceable_unit:
            parts += FieldReplaceableUnitDescriptor(
                field_replaceable_unit_code=self.field_replaceable_unit
            ).encode()
        if self.filemark or self.eom or self.ili:
            parts += StreamDescriptor(filemark=self.filemark, eom=self.eom, ili=self.ili).encode()
        for device, number in zip((self.source, self.destination), forwarded.value, strict=True):
            if device is not None:
                parts += (
                    ForwardedSenseDescriptor(
                        additional_length=2 + len(device.data),
                        fsdt=device.truncated,
                        source=number,
                        forwarded_status=device.status,
                    ).encode()
                    + device.data
                )
        parts += self.rest
        head = DescriptorSense(
            response_code=DESCRIPTOR[self.deferred],
            sense_key=self.key,
            additional_sense_code=self.code.asc,
            additional_sense_code_qualifier=self.code.ascq,
            sdat_ovfl=self.sdat_ovfl,
            additional_sense_length=len(parts),
        )
        return head.encode() + parts

    @classmethod
    def decode(cls, data: bytes, *, forwarded: ForwardedSource = ForwardedSource.SPC_4) -> Sense | None:
        """What `data` says, as far as it goes; None when it is not sense data of either format."""
        response_code = data[0] & 0x7F if data else 0
        if response_code in FIXED:
            return cls._from_fixed(bytes(data))
        if response_code in DESCRIPTOR:
            return cls._from_descriptors(bytes(data), forwarded)
        return None

    @classmethod
    def _from_fixed(cls, data: bytes) -> Sense:
        raw = FixedSense.decode(data[:18].ljust(18, b"\0"))
        length = min(len(data), 8 + raw.additional_sense_length) if len(data) > 7 else len(data)
        data = data[:length]
        specific = raw.command_specific_information if length >= 12 else None
        devices: dict[str, DeviceSense | None] = {}
        rest = data[AREAS_AT:]
        if raw.sense_key == SenseKey.COPY_ABORTED and specific is not None:
            areas = embedded_areas(data)
            if areas:
                specific &= 0xFFFF
                devices = {name: DeviceSense(data[at], data[start:end]) for name, at, start, end in areas}
                rest = data[AREAS_AT : min(at for _, at, _, _ in areas)] + data[max(a[3] for a in areas) :]
        return cls(
            key=_key(raw.sense_key),
            code=AdditionalSense(raw.additional_sense_code, raw.additional_sense_code_qualifier)
            if length >= 14
            else NO_ADDITIONAL_SENSE_INFORMATION,
            information=raw.information if raw.valid and length >= 7 else None,
            command_specific=specific,
            filemark=raw.filemark,
            eom=raw.eom,
            ili=raw.ili,
            deferred=raw.response_code == 0x71,
            rest=rest,
            field_replaceable_unit=raw.field_replaceable_unit_code if length >= 15 else 0,
            sdat_ovfl=raw.sdat_ovfl,
            source=devices.get("source"),
            destination=devices.get("destination"),
            **decode_key_specific(raw.sense_key, data[15:18]),  # type: ignore[arg-type]
        )

    @classmethod
    def _from_descriptors(cls, data: bytes, forwarded: ForwardedSource) -> Sense:
        raw = DescriptorSense.decode(data[:8].ljust(8, b"\0"))
        information = command_specific = None
        specific = rest = b""
        unit = 0
        devices: dict[str, DeviceSense] = {}
        stream = StreamDescriptor()
        at, end = 8, min(len(data), 8 + raw.additional_sense_length)
        while at + 2 <= end:
            piece = data[at : min(at + 2 + data[at + 1], end)]
            kind = piece[0]
            role = None
            if kind == SenseDescriptorType.FORWARDED_SENSE and len(piece) >= 4:
                role = role_of(ForwardedSenseDescriptor.decode(piece).source, forwarded)
            if kind == SenseDescriptorType.INFORMATION and len(piece) >= 12:
                found = EightByteDescriptor.decode(piece)
                information = found.value if found.valid else None
            elif kind == SenseDescriptorType.COMMAND_SPECIFIC_INFORMATION and len(piece) >= 12:
                command_specific = EightByteDescriptor.decode(piece).value
                if raw.sense_key == SenseKey.COPY_ABORTED:
                    # Some put the segment number where a four-byte quantity would end.
                    command_specific = command_specific >> 32 & 0xFFFF or command_specific & 0xFFFF
            elif kind == SenseDescriptorType.SENSE_KEY_SPECIFIC and len(piece) >= 8:
                specific = piece[4:7]
            elif kind == SenseDescriptorType.FIELD_REPLACEABLE_UNIT and len(piece) >= 4:
                unit = piece[3]
            elif kind == SenseDescriptorType.STREAM_COMMANDS and len(piece) >= 4:
                stream = StreamDescriptor.decode(piece)
            elif role is not None and role not in devices:
                head = ForwardedSenseDescriptor.decode(piece)
                devices[role] = DeviceSense(head.forwarded_status, piece[4:], head.fsdt)
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
            filemark=stream.filemark,
            eom=stream.eom,
            ili=stream.ili,
            deferred=raw.response_code == 0x73,
            rest=rest,
            field_replaceable_unit=unit,
            sdat_ovfl=raw.sdat_ovfl,
            source=devices.get("source"),
            destination=devices.get("destination"),
            **decode_key_specific(raw.sense_key, specific),  # type: ignore[arg-type]
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
        if self.progress is not None:
            text += f", {self.progress / 65536:.1%} done"
        if self.retries is not None:
            text += f", {self.retries} retries"
        marks = [name for name in ("filemark", "eom", "ili") if getattr(self, name)]
        text += "".join(f", {mark.upper()}" for mark in marks) + (", deferred" if self.deferred else "")
        for name in ("source", "destination"):
            if (device := getattr(self, name)) is not None:
                text += f"; the {name} answered {device}"
        return text


def _key(value: int) -> int:
    # Asking an enum for a plain number with "in" raises before Python 3.12.
    return SenseKey._value2member_map_.get(value, value)  # type: ignore[return-value]
