"""Figures of the codec: a segment descriptor beside two other ways to write one down.

    python conformance/bench/codec.py

Prints the time to decode and to encode the block device to block device segment descriptor (28
bytes) with the table, with ``struct`` and a data class written by hand for this one structure, and
with ``construct``; and the time to decode a parameter list of 65,535 bytes into values. Rounds of
the three alternate, and the best of each counts, so that a busy machine does not favour one. Exits
1 when the table takes more than twice as long as ``struct``, is not ten times as fast as
``construct``, or the list takes 30 ms.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import construct

from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.segment import BlockToBlock, UnknownSegment

ROUNDS, CALLS, LISTS = 15, 10_000, 20
MOST_OF_STRUCT, LEAST_OF_CONSTRUCT, MOST_MILLISECONDS = 2.0, 10.0, 30.0
LIST_LENGTH = 65_535

CODEC = struct.Struct(">BBHHHxxHQQ")


@dataclass(frozen=True, slots=True)
class ByHand:
    """What one would write for this one structure, without tables."""

    type_code: int
    fco: bool
    dc: bool
    cat: bool
    length: int
    source: int
    destination: int
    blocks: int
    source_lba: int
    destination_lba: int

    @classmethod
    def decode(cls, data: bytes) -> ByHand:
        """The values in the first 28 bytes."""
        code, flags, length, source, destination, blocks, source_lba, destination_lba = CODEC.unpack_from(
            data
        )
        return cls(
            code,
            flags & 4 != 0,
            flags & 2 != 0,
            flags & 1 != 0,
            length,
            source,
            destination,
            blocks,
            source_lba,
            destination_lba,
        )

    def encode(self) -> bytes:
        """28 bytes."""
        return CODEC.pack(
            self.type_code,
            self.fco << 2 | self.dc << 1 | self.cat,
            self.length,
            self.source,
            self.destination,
            self.blocks,
            self.source_lba,
            self.destination_lba,
        )


DECLARED = construct.Struct(
    "type_code" / construct.Int8ub,
    "flags"
    / construct.BitStruct(
        construct.Padding(5), "fco" / construct.Flag, "dc" / construct.Flag, "cat" / construct.Flag
    ),
    "length" / construct.Int16ub,
    "source" / construct.Int16ub,
    "destination" / construct.Int16ub,
    construct.Padding(2),
    "blocks" / construct.Int16ub,
    "source_lba" / construct.Int64ub,
    "destination_lba" / construct.Int64ub,
).compile()  # a third faster than without


def best_of_each(actions: dict[str, Callable[[], Any]], calls: int) -> dict[str, float]:
    """The shortest time of one call in microseconds, over rounds that alternate."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(ROUNDS):
        for name, action in actions.items():
            start = time.perf_counter()
            for _ in range(calls):
                action()
            best[name] = min(best[name], (time.perf_counter() - start) / calls * 1e6)
    return best


def long_list() -> bytes:
    """A list of 65,535 bytes: two devices, as many segments as fit, the rest inline data."""
    cscds = [
        IdentificationCscd.of(Designator.naa(bytes.fromhex("6001405a") + bytes((0,) * 11 + (n,))))
        for n in (1, 2)
    ]
    room = LIST_LENGTH - 16 - sum(cscd.SIZE for cscd in cscds)
    segments = [
        BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=128,
            source_block_device_logical_block_address=128 * n,
            destination_block_device_logical_block_address=128 * n,
        )
        for n in range(room // BlockToBlock.SIZE)
    ]
    return ParameterList(cscds, segments, bytes(room % BlockToBlock.SIZE)).encode()


def main() -> int:
    """Measure, print, judge."""
    data = bytes.fromhex("02020018000000010000008000000000000000100000000000000020")
    table, by_hand, declared = BlockToBlock.decode(data), ByHand.decode(data), DECLARED.parse(data)
    assert data == table.encode() == by_hand.encode() == DECLARED.build(declared)
    good = True
    for verb, actions in (
        (
            "decode",
            {
                "table": lambda: BlockToBlock.decode(data),
                "struct": lambda: ByHand.decode(data),
                "construct": lambda: DECLARED.parse(data),
            },
        ),
        (
            "encode",
            {"table": table.encode, "struct": by_hand.encode, "construct": lambda: DECLARED.build(declared)},
        ),
    ):
        best = best_of_each(actions, CALLS // 10)
        slower, faster = best["table"] / best["struct"], best["construct"] / best["table"]
        good &= slower <= MOST_OF_STRUCT and faster >= LEAST_OF_CONSTRUCT
        print(
            f"{verb} 28 bytes   table {best['table']:5.2f} us   struct by hand {best['struct']:5.2f} us   "
            f"construct {best['construct']:6.2f} us   {slower:.2f} x struct, at most {MOST_OF_STRUCT:g}; "
            f"{faster:.1f} x faster than construct, at least {LEAST_OF_CONSTRUCT:g}"
        )
    whole = long_list()
    value = ParameterList.decode(whole)
    assert len(whole) == LIST_LENGTH
    assert not any(isinstance(segment, UnknownSegment) for segment in value.segment_descriptors)
    took = best_of_each({"list": lambda: ParameterList.decode(whole)}, LISTS)["list"] / 1000
    print(
        f"decode a list of {len(whole):,} bytes, {len(value.segment_descriptors):,} segment descriptors   "
        f"{took:.1f} ms, less than {MOST_MILLISECONDS:g}"
    )
    return 0 if good and took < MOST_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
