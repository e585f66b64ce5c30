"""What a copy does, as slices and lists, written from the rules of SPC-4: what the copy manager is held to.

It shares nothing with the copy manager, not even tables: a parameter list is plain values, and so are
the units. What a segment reads is read before it writes. Where the standard leaves a choice, a
comment with "choice" says which one the profile ``spc4`` documents.
"""

from __future__ import annotations

from typing import NamedTuple

from .devices import (
    DISK,
    FAILED,
    INVALID,
    NOT_REACHABLE,
    TAPE,
    UNREACHABLE,
    WRONG_OPERATION,
    Code,
    End,
    Fails,
    Unit,
)
from .lists import Cscd, Limits, Request, Segment

NULL_DISK, NULL_TAPE, RECEIVER = 0xC000, 0xC001, 0xFFFF
RESERVED, DISCARD, DISABLE = 1, 2, 3
ILLEGAL_REQUEST, COPY_ABORTED = 0x5, 0xA

# SPC-4 5.17.7.3 and 5.17.7.4: additional sense code and qualifier.
LENGTH_ERROR, INLINE, INEXACT = (0x1A, 0), (0x26, 0x0B), (0x26, 0x0A)
TOO_MANY_CSCDS, CSCD_TYPE, TOO_MANY_SEGMENTS, SEGMENT_TYPE = ((0x26, code) for code in (6, 7, 8, 9))
GRANULARITY, WRONG_TYPE = (0x26, 0x0D), (0xD, 3)
SEGMENT_TYPES, HOLDING = range(0x17), {0x0B: 0x00, 0x0C: 0x01, 0x0D: 0x02, 0x0E: 0x03, 0x0F: 0x06}
FORMS = {
    0: "BS",
    1: "SB",
    2: "BB",
    3: "SS",
    4: " S",
    5: " S",
    6: "S ",
    8: "BS",
    9: "SB",
    10: "BB",
}  # block, stream
NULL_BLOCK_LENGTH = 512  # choice: nothing tells that of a null block device
ANY_LENGTH = 0xFFFFFF


class Outcome(NamedTuple):
    """How a list ended. One that was refused has no segment that failed, and no results."""

    key: int | None = None
    code: Code | None = None
    segment: int | None = None
    residual: int | None = None
    processed: int = 0
    written: int = 0
    held: bytes = b""
    discarded: bool = False


class Model:
    """One copy. `units` are by LUN, and end as the list leaves them."""

    def __init__(self, units: list[Unit], limits: Limits, request: Request) -> None:
        self.units, self.limits, self.request = units, limits, request
        self.source, self.destination, self.held = bytearray(), bytearray(), bytearray()
        self.written = 0
        self.at_end: list[tuple[int, Segment, Unit]] = []

    def refusal(self) -> Code | None:
        """SPC-4 5.17.7.3. Choice: the order of 6.4.3, of the header first."""
        request, limits, codes = self.request, self.limits, [item.code for item in self.request.segments]
        for broken, code in (
            (request.usage == RESERVED or (request.usage == DISABLE and request.identifier), INVALID),
            (len(request.inline) > limits.maximum_inline_data_length, INLINE),
            (request.descriptors > limits.maximum_descriptor_list_length, LENGTH_ERROR),
            (len(request.cscds) > limits.maximum_cscd_descriptor_count, TOO_MANY_CSCDS),
            (not all(cscd.known for cscd in request.cscds), CSCD_TYPE),
            (any(cscd.kind == TAPE and cscd.fixed != bool(cscd.length) for cscd in request.cscds), INVALID),
            (len(codes) > limits.maximum_segment_descriptor_count, TOO_MANY_SEGMENTS),
            (not all(code in SEGMENT_TYPES for code in codes), SEGMENT_TYPE),
            (
                any(
                    item.code == 5 and item.number > -(-len(item.data) // 4) * 4 for item in request.segments
                ),
                INVALID,
            ),
            (request.usage == DISABLE and any(code in HOLDING for code in codes), INVALID),
        ):
            if broken:
                return code
        return None

    def run(self) -> Outcome:
        """All segments, up to the one that fails; then what 15h has asked for, whatever happened."""
        if (refused := self.refusal()) is not None:
            return Outcome(ILLEGAL_REQUEST, refused)
        failed: tuple[int, Fails] | None = None
        processed = 0
        for number, item in enumerate(self.request.segments):
            processed, before = number + 1, len(self.held)
            try:
                self.segment(number, item)
            except Fails as fails:
                failed = number, fails
            self.held += bytes(-(len(self.held) - before) % (1 << self.limits.held_data_granularity))
            if failed:
                break
        for number, item, unit in self.at_end:
            try:
                unit.hand_on(item.key, item.new_key, unregister=item.flag)
            except Fails as fails:
                failed = failed or (number, fails)
        lost = max(len(self.held) - self.limits.held_data_limit, 0)
        results = processed, self.written, bytes(self.held[lost:]), bool(lost)
        if failed is None:
            return Outcome(None, None, None, None, *results)
        return Outcome(COPY_ABORTED, failed[1].code, failed[0], failed[1].residual, *results)

    def named(self, identifier: int) -> tuple[Unit, Cscd]:
        """SPC-4 6.4.6.1: what an identifier leads to."""
        if identifier < len(self.request.cscds):
            cscd = self.request.cscds[identifier]
            if cscd.second:
                raise Fails(INVALID)
            if cscd.unit is None:
                raise Fails(NOT_REACHABLE)
            unit = self.units[cscd.unit]
            if unit.kind != cscd.kind:
                raise Fails(WRONG_TYPE)
            if unit.kind == DISK and cscd.length not in (0, unit.block_length):
                raise Fails(INVALID)
            return unit, cscd
        if identifier in (NULL_DISK, NULL_TAPE):
            return Unit(identifier - NULL_DISK, NULL_BLOCK_LENGTH, null=True), Cscd()
        if identifier != RECEIVER:
            raise Fails(UNREACHABLE)
        return self.units[0], Cscd()

    def tape(self, identifier: int) -> Unit:
        unit, _ = self.named(identifier)
        if unit.kind != TAPE:
            raise Fails(WRONG_OPERATION)
        return unit

    # --- segments -------------------------------------------------------------------------------

    def segment(self, number: int, item: Segment) -> None:
        """Those that move no data leave residues alone, as 13h and 16h do."""
        code = HOLDING.get(item.code, item.code)
        if code == 0x07:
            self.named(item.source)[0].admit(excluded=False, medium=item.flag)
        elif code in (0x10, 0x11, 0x12, 0x15):
            unit = self.tape(item.destination)
            if code == 0x15:
                self.at_end.append((number, item, unit))
                return
            unit.admit()
            if code == 0x10:
                failure = unit.mark(item.number)
            else:
                moved = (
                    unit.drive.locate(item.to)
                    if code == 0x12
                    else unit.drive.space(item.transfer, item.number)
                )
                failure = None if moved.key is None else Fails(FAILED)
            if failure:
                raise failure
        elif code == 0x13:
            self.tape_image(self.tape(item.source), self.tape(item.destination), item.number)
        elif code == 0x14:
            self.named(item.destination)[0].register(item.key, item.new_key)
        elif code == 0x16:
            self.block_image(item)
        else:
            self.copy(item, code)

    def tape_image(self, source: Unit, destination: Unit, count: int) -> None:
        """INFORMATION is zero where there is no COUNT (SPC-4 6.4.6.16), and else not valid."""
        in_a_row = 0
        failure = None
        try:
            while not (failure or (count and in_a_row == count)):
                source.admit()
                found = source.drive.read_variable(ANY_LENGTH)
                if found.key == 8:
                    break
                destination.admit()
                if "F" in found.flags:
                    in_a_row += 1
                    failure = destination.mark(1)
                else:
                    in_a_row = 0
                    length, failure = destination.send(found.data, None)
                    self.written += length
            if not failure:
                failure = destination.mark(0)
        except Fails as fails:
            failure = fails
        if failure:
            raise Fails(failure.code, 0 if not count and failure.code != UNREACHABLE else None)

    def block_image(self, item: Segment) -> None:
        destination = End(*self.named(item.destination), disk=True, at=item.to)
        source = End(*self.named(item.source), disk=True, at=item.at)
        if source.block != destination.block:
            raise Fails(WRONG_TYPE)
        for end in (source, destination):
            if end.at >= len(end.unit.data):
                end.unit.blocks(end.at + 1)
        length = min(len(end.unit.data) - end.at for end in (source, destination))
        length = min(length, item.number * source.block or length)
        data = bytearray()
        source.read(length, data, exact=True)
        destination.write(data)
        self.written += length

    def copy(self, item: Segment, code: int) -> None:
        """The segments that read, process and write. Choice: the destination is looked at first."""
        if code == 0x04 and item.at % 4:
            raise Fails(INVALID)
        of, to = tuple(FORMS[code])
        size = item.second_transfer if code == 0x03 else item.transfer
        destination = self.end(to, item.destination, item.to, item.to_byte, size)
        source = self.end(of, item.source, item.at, item.at_byte, item.transfer)
        counted = {0x00: source, 0x01: destination, 0x02: destination if item.dc else source}.get(code)
        length = item.number * (counted.size if counted else 1)
        data = self.request.inline[item.at :] if code == 0x04 else item.data.ljust(length, b"\0")
        if code == 0x04 and len(data) < length:
            raise Fails(INLINE)
        limits = self.limits
        granularity = limits.inline_data_granularity if code == 0x04 else limits.data_segment_granularity
        if 0 < limits.maximum_segment_length < length:
            raise Fails(INVALID)
        if length % (1 << granularity):
            raise Fails(GRANULARITY)
        if source is None:
            self.destination += data[:length]
            length = 0
        if destination and (code in (0x01, 0x09, 0x0A) or (code == 0x02 and item.dc)):
            destination.stop = destination.start + length
            length = length if code == 0x0A else max(length - len(self.destination), 0)
        try:
            self.move(item, source, destination, length, exact=code in (0x08, 0x0A))
        except Fails as fails:
            raise Fails(fails.code, destination.residual if destination else None) from fails
        finally:
            self.written += destination.went if destination else 0

    def end(self, kind: str, number: int, at: int, byte: int, transfer: int) -> End | None:
        if kind == " ":
            return None
        end = End(*self.named(number), disk=kind == "B", at=at, byte=byte, transfer=transfer)
        if kind == "S" and end.size > self.limits.maximum_stream_device_transfer_size:
            raise Fails(INVALID)
        return end

    def move(
        self, item: Segment, source: End | None, destination: End | None, length: int, *, exact: bool
    ) -> None:
        """SPC-4 6.4.6.1: read just enough, process, write; then what PAD and CAT make of the rest."""
        pads = bool(destination and destination.pad and destination.stop is None and not item.cat)
        if destination:
            destination.plan(len(self.destination) + length, pads=pads)
        need = length if exact else length - len(self.source)
        failure = None
        if source and need > 0:
            try:
                source.read(need, self.source, exact=exact)
            except Fails as fails:
                failure = fails  # choice: what came in full before is processed and written
        data = self.source[:length]
        del self.source[:length]
        self.held += data if item.code in HOLDING else b""
        if destination:
            self.destination += data
            if item.code != 0x08 or length:
                destination.write(self.destination)
        if failure:
            raise failure
        if not item.cat:
            self.leave(source, destination, pads=pads)

    def leave(self, source: End | None, destination: End | None, *, pads: bool) -> None:
        """CAT is zero. A segment without a source, or without a destination, has none that pads."""
        of, to = bool(source and source.pad), bool(destination and destination.pad)
        if (self.source and not (of or to)) or (self.destination and not (pads or (of and not to))):
            raise Fails(INEXACT)
        if pads and destination and self.destination:
            self.destination += bytes(destination.padding(len(self.destination)))
            destination.write(self.destination)
        self.destination.clear()
        if of:
            self.source.clear()
