"""Sense data in plain words: which segment failed, at which device, what it answered, what to do.

With the parameter list beside it, names become descriptors: the segment's kind, the device's
designator, the field under the pointer. The words about codes are in ``words``; what is said here
follows SPC-4 5.17.7.4. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from threepce.conformance.explain.words import ADVICE, ANSWERS, KEYS, STATUSES
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH
from threepce.scsi.dissect import Node, NodeField
from threepce.scsi.dissect_list import CSCDS, SEGMENTS
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense, SenseKey

__all__ = ["Pointed", "Statement", "pointed_byte", "summarize"]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing the sense data says: what it is about, and the words."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Pointed:
    """The byte of the parameter list that the sense names, and what is there."""

    byte: int
    bit: int | None
    nodes: tuple[Node, ...]
    field: NodeField | None


def summarize(sense: Sense, parameter_list: Node | None = None) -> list[Statement]:
    """All that the sense says that somebody can act on, in the order one would ask."""
    return list(_statements(sense, parameter_list))


def _statements(sense: Sense, parameter_list: Node | None) -> Iterator[Statement]:
    key = sense.key.text if isinstance(sense.key, SenseKey) else f"sense key {sense.key:X}h"
    about = KEYS.get(sense.key, "The standard does not say what this key means.")
    when = " It is about an earlier command (deferred error)." if sense.deferred else ""
    yield Statement("failure", f"{key}, {sense.code}. {about}{when}")
    advice = ADVICE.get(sense.code)
    if advice is not None:
        yield Statement("meaning", advice.meaning)
    if sense.segment is not None:
        yield Statement("segment", _segment(sense.segment, parameter_list))
    if sense.pointer is not None:
        yield Statement("pointer", _pointer(sense, sense.pointer, parameter_list))
    for name, device in (("source", sense.source), ("destination", sense.destination)):
        if device is not None:
            yield Statement(name, _device(name, device, sense, parameter_list))
    yield from _numbers(sense, parameter_list)
    yield from _flags(sense)
    if advice is not None:
        yield Statement("clause", advice.clause)
    elif sense.key == SenseKey.COPY_ABORTED:
        yield Statement("clause", "SPC-4 5.17.7.4")
    answers = [text for device in (sense.source, sense.destination) if device and (text := _answer(device))]
    if answers:
        yield Statement("next", " ".join(answers))
    elif advice is not None:
        yield Statement("next", advice.action)


def _answer(device: DeviceSense) -> str:
    """What to do about the answer of one device; empty where nothing is known about it."""
    found = device.sense
    return STATUSES.get(device.status, "") if found is None else ANSWERS.get(found.code, "")


def _flags(sense: Sense) -> Iterator[Statement]:
    marks = [name for name in ("filemark", "eom", "ili") if getattr(sense, name)]
    if marks:
        yield Statement("flags", f"{', '.join(mark.upper() for mark in marks)} set.")
    if sense.field_replaceable_unit:
        yield Statement("unit", f"Field replaceable unit {sense.field_replaceable_unit:02X}h.")
    if sense.sdat_ovfl:
        yield Statement("overflow", "There was more sense data than the device could give (SDAT_OVFL).")
    if sense.queue_overflow:
        yield Statement("overflow", "Unit attention conditions were lost: their queue was full.")


def _numbers(sense: Sense, parameter_list: Node | None) -> Iterator[Statement]:
    if sense.key == SenseKey.COPY_ABORTED:
        yield Statement("residual", _residual(sense, parameter_list))
    elif sense.key == SenseKey.COMPLETED and sense.command_specific is not None:
        yield Statement("segments", f"{sense.command_specific} segments were processed (SPC-4 6.5.3).")
    elif sense.information is not None:
        yield Statement("information", f"INFORMATION is {sense.information} ({sense.information:X}h).")
    if sense.progress is not None:
        yield Statement("progress", f"{sense.progress / 65536:.2%} is done.")
    if sense.retries is not None:
        yield Statement("retries", f"The device tried {sense.retries} more times.")


def _ordinal(number: int) -> str:
    return ORDINALS[number] if number < len(ORDINALS) else f"number {number + 1}"


def _part(parameter_list: Node | None, title: str) -> tuple[Node, ...]:
    for child in parameter_list.children if parameter_list else ():
        if child.title == title:
            return child.children
    return ()


def _name(node: Node) -> str:
    """A descriptor by its title and, for a CSCD, its designator."""
    meaning = next((field.meaning for field in node.fields if field.name == "designator"), "")
    return f"{node.title} ({meaning})" if meaning else node.title


def _segment(number: int, parameter_list: Node | None) -> str:
    text = f"Segment {number}, counted from 0: the {_ordinal(number)} of the list."
    if parameter_list is None:
        return text
    segments = _part(parameter_list, SEGMENTS)
    if number >= len(segments):
        return f"{text} But the list has {len(segments)}: it is not the list of this command."
    segment = segments[number]
    devices = [
        f"from {_cscd(segment.value(name), parameter_list)}"
        if name == "source_cscd_id"
        else f"to {_cscd(segment.value(name), parameter_list)}"
        for name in ("source_cscd_id", "destination_cscd_id")
        if any(field.name == name for field in segment.fields)
    ]
    return f"{text} {segment.title}, at byte {segment.offset}, {' '.join(devices)}."


def _cscd(number: int, parameter_list: Node) -> str:
    for node in _part(parameter_list, CSCDS):
        if node.title.startswith(f"CSCD descriptor {number}:"):
            return _name(node)
    return f"CSCD {number:04X}h, which is not in the list"


def pointed_byte(sense: Sense, parameter_list: Node) -> Pointed | None:
    """The byte of the list that the sense's field or segment pointer names; None when it names none."""
    pointer = sense.pointer
    if pointer is None or pointer.command:
        return None
    byte = pointer.byte
    if pointer.segment:
        segments = _part(parameter_list, SEGMENTS)
        if sense.segment is None or sense.segment >= len(segments):
            return None
        byte += segments[sense.segment].offset
    nodes = parameter_list.path(byte)
    return Pointed(byte, pointer.bit, nodes, parameter_list.field_at(byte, pointer.bit)) if nodes else None


def _pointer(sense: Sense, pointer: FieldPointer, parameter_list: Node | None) -> str:
    bit = "" if pointer.bit is None else f", bit {pointer.bit}"
    if pointer.command:
        return f"The pointer names byte {pointer.byte}{bit} of the CDB."
    if pointer.segment:
        where = f"byte {pointer.byte}{bit} of the segment descriptor (SD is set)"
    else:
        where = f"byte {pointer.byte}{bit} of the parameter list"
    if parameter_list is None:
        return f"The pointer names {where}{_without_list(sense, pointer)}."
    pointed = pointed_byte(sense, parameter_list)
    if pointed is None:
        return f"The pointer names {where}, which is not in the list: it is not the list of this command."
    inner = next((node for node in reversed(pointed.nodes) if "descriptor " in node.title), pointed.nodes[-1])
    field = "" if pointed.field is None else f", {pointed.field.title}"
    at = f" (byte {pointed.byte} of the list)" if pointer.segment else ""
    return f"The pointer names {where}{at}: {_name(inner)}{field}."


def _without_list(sense: Sense, pointer: FieldPointer) -> str:
    """Which CSCD descriptor a byte lies in, should the list have the header of SPC-2 to SPC-5."""
    if sense.key != SenseKey.COPY_ABORTED or pointer.segment or pointer.byte < 16:
        return ""
    index, inside = divmod(pointer.byte - 16, CSCD_DESCRIPTOR_LENGTH)
    if not inside:
        return f": the start of CSCD descriptor {index}, in a list with a 16-byte header (LID1)"
    return f": byte {inside} of CSCD descriptor {index}, should that list (LID1) have so many"


def _device(name: str, device: DeviceSense, sense: Sense, parameter_list: Node | None) -> str:
    text = f"The copy {name} answered {device}."
    if device.truncated:
        text += " The copy manager did not forward all of it (FSDT)."
    segments = _part(parameter_list, SEGMENTS)
    if parameter_list is not None and sense.segment is not None and sense.segment < len(segments):
        number = segments[sense.segment].value(f"{name}_cscd_id")
        text += f" It is {_cscd(number, parameter_list)}."
    return text


_UNIT_RULE = (
    "blocks of the destination, or bytes when that is a processor device or a tape with FIXED zero"
    " (SPC-2: a processor device only)"
)


def _residual(sense: Sense, parameter_list: Node | None) -> str:
    if sense.information is None:
        return "VALID is zero: nothing of this segment was written, or it has no transfer count (SPC-4 5.17.7.4)."
    unit = _UNIT_RULE
    segments = _part(parameter_list, SEGMENTS)
    if sense.segment is not None and sense.segment < len(segments):
        number = segments[sense.segment].value("destination_cscd_id")
        for node in _part(parameter_list, CSCDS):
            if node.title.startswith(f"CSCD descriptor {number}:"):
                unit = _unit(node)
    return f"{sense.information} were not written of this segment: {unit}."


def _unit(cscd: Node) -> str:
    kind = cscd.value("peripheral_device_type")
    fixed = any(child.value("fixed") for child in cscd.children)
    if kind == 0x03:
        return "bytes, for the destination is a processor device (SPC-4 5.17.7.4)"
    if kind == 0x01 and not fixed:
        return "bytes, for the destination is a tape with FIXED zero (SPC-4 5.17.7.4; SPC-2 counts blocks)"
    return "blocks of the destination (SPC-4 5.17.7.4)"
