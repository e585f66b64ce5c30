"""What a fault does, as plain data: sense data, status, data that is wrong, and the rest."""

from __future__ import annotations

import re
from typing import Any, cast

from threepce.emulator.faults.fault import Corruption, Do, InjectedSense, Told, UnitAttention
from threepce.emulator.faults.keys import FaultError, Key, Keys, read, written
from threepce.emulator.faults.values import (
    CODE,
    FLAG,
    HEX,
    KEY,
    NAMES,
    NUMBER_OR_HEX,
    NUMBER_OR_LBA,
    SECONDS,
    STATUS,
    Value,
    number,
    one_of,
    shown,
)
from threepce.emulator.strict_yaml import Path
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

__all__ = ["DO"]

MOST_DATA = 1 << 24
MOST_BEYOND = 1 << 20
MOST_CORRUPTIONS = 256

# --- sense data -----------------------------------------------------------------------------------

_SENSE: Keys = {
    "key": Key("key", KEY),
    "code": Key("code", CODE),
    "information": Key("information", NUMBER_OR_LBA),
    "command specific": Key("command_specific", number(0, (1 << 64) - 1)),
    "filemark": Key("filemark", FLAG),
    "eom": Key("eom", FLAG),
    "ili": Key("ili", FLAG),
    "deferred": Key("deferred", FLAG),
    "byte": Key("byte", number(0, 0xFFFF)),
    "raw": Key("raw", HEX),
}
_SHORT_SENSE = re.compile(
    rf"({'|'.join(sorted((key.text for key in SenseKey), key=len, reverse=True))})(?: (.+))?"
)


def _sense(tree: object) -> InjectedSense:
    if isinstance(tree, str):
        short = _SHORT_SENSE.fullmatch(tree)
        if short is None:
            raise ValueError(
                f"expected a sense key and a code, as in MEDIUM ERROR 11h/00h, got {shown(tree)}"
            )
        tree = {"key": short[1]} if short[2] is None else {"key": short[1], "code": short[2]}
    found = read(_SENSE, tree, ())
    raw, byte, information = found.pop("raw", b""), found.pop("byte", None), found.get("information")
    if raw:
        if found or byte is not None:
            raise FaultError(("raw",), "raw bytes are all of the sense data: nothing goes beside them")
        return InjectedSense(sense=Sense.decode(raw) or Sense(SenseKey.NO_SENSE), raw=raw)
    if "key" not in found:
        raise FaultError(("key",), "a sense key is missing, or raw")
    if information == "lba":
        del found["information"]
    elif information is not None and information < 0:  # two's complement, as ILI wants it (SPC-4 4.5.2)
        found["information"] = information & 0xFFFFFFFF
    pointer = None if byte is None else FieldPointer(byte)
    return InjectedSense(sense=Sense(**found, pointer=pointer), at_lba=information == "lba")


def _sense_written(value: object) -> object:
    injected = cast("InjectedSense", value)
    if injected.raw:
        return {"raw": injected.raw.hex(" ")}
    sense = injected.sense
    tree: dict[str, Any] = {"key": KEY.write(sense.key), "code": CODE.write(sense.code)}
    for key in ("information", "command specific", "filemark", "eom", "ili", "deferred"):
        attribute = getattr(sense, _SENSE[key].attribute)
        if attribute is not None and attribute is not False:
            tree[key] = attribute
    if injected.at_lba:
        tree["information"] = "lba"
    if sense.pointer is not None:
        tree["byte"] = sense.pointer.byte
    return tree


# --- what is done ---------------------------------------------------------------------------------

_CORRUPTION: Keys = {
    "at": Key("at", number(0, MOST_DATA)),
    "put": Key("put", HEX),
    "xor": Key("xor", HEX),
    "every": Key("every", number(1, MOST_DATA)),
    "lba": Key("lba", number(0, (1 << 64) - 1)),
}


def _corruption(tree: object, path: Path) -> Corruption:
    found = Corruption(**read(_CORRUPTION, tree, path))
    if bool(found.put) is bool(found.xor):
        raise FaultError(path, "expected either put or xor, with the bytes in hexadecimal digits")
    length = len(found.put or found.xor)
    if 0 < found.every < length:
        raise FaultError((*path, "every"), f"expected {length} or more, so that the bytes do not overlap")
    return found


def _corruptions(tree: object) -> tuple[Corruption, ...]:
    if not isinstance(tree, list):
        return (_corruption(tree, ()),)
    if not 0 < len(tree) <= MOST_CORRUPTIONS:
        raise ValueError(f"expected 1 to {MOST_CORRUPTIONS} entries, got {len(tree)}")
    return tuple(_corruption(item, (index,)) for index, item in enumerate(tree))


def _corruptions_written(value: object) -> object:
    items = [written(_CORRUPTION, item) for item in cast("tuple[Corruption, ...]", value)]
    return items[0] if len(items) == 1 else items


_UNIT_ATTENTION: Keys = {
    "code": Key("code", CODE),
    "for": Key("told", one_of(Told)),
    "initiator": Key("initiators", NAMES),
}


def _unit_attention(tree: object) -> UnitAttention:
    found = read(_UNIT_ATTENTION, {"code": tree} if isinstance(tree, str) else tree, ())
    if "code" not in found:
        raise FaultError(("code",), "an additional sense code is missing")
    if "told" in found and "initiators" in found:
        raise FaultError(("initiator",), "goes in place of for, not beside it")
    return UnitAttention(**found)


def _unit_attention_written(value: object) -> object:
    attention = cast("UnitAttention", value)
    tree = {"code": CODE.write(attention.code)}
    if attention.initiators:
        return tree | {"initiator": NAMES.write(attention.initiators)}
    return tree if attention.told is Told.ALL else tree | {"for": str(attention.told)}


def _answer(tree: object) -> tuple[tuple[str, int | bytes], ...]:
    if not isinstance(tree, dict) or not tree:
        raise ValueError(f"expected fields of the answer and their values, got {shown(tree)}")
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        try:
            found.append((str(name), NUMBER_OR_HEX.read(value)))
        except ValueError as error:
            raise FaultError((str(name),), str(error)) from None
    return tuple(found)


def _answer_written(value: object) -> object:
    pairs = cast("tuple[tuple[str, int | bytes], ...]", value)
    return {name: NUMBER_OR_HEX.write(item) for name, item in pairs}


_DO: Keys = {
    "sense": Key("sense", Value(_sense, _sense_written)),
    "status": Key("status", STATUS),
    "executed": Key("executed", FLAG),
    "delay": Key("delay", SECONDS),
    "short data": Key("short", number(1, MOST_DATA, "bytes")),
    "long data": Key("long", number(1, MOST_BEYOND, "bytes")),
    "corrupt data": Key("corrupt", Value(_corruptions, _corruptions_written)),
    "unit attention": Key("unit_attention", Value(_unit_attention, _unit_attention_written)),
    "drop nexus": Key("drop_nexus", FLAG),
    "power cycle": Key("power_cycle", FLAG),
    "stall": Key("stall", FLAG),
    "answer": Key("answer", Value(_answer, _answer_written)),
}
_NOTHING = Do()
_ENDINGS = ("sense", "status", "drop nexus", "power cycle")
_BEFORE_AND_AFTER = ("delay", "unit attention")


def _do(tree: object) -> Do:
    if isinstance(tree, str):
        tree = {"sense": tree}
    do = Do(**read(_DO, tree, ()))
    given = [
        key
        for key, entry in _DO.items()
        if getattr(do, entry.attribute) != getattr(_NOTHING, entry.attribute)
    ]
    endings = [key for key in given if key in _ENDINGS]
    data = [key for key in given if key not in (*_ENDINGS, *_BEFORE_AND_AFTER, "executed", "stall")]
    if not given or given == ["executed"]:
        raise FaultError((), f"nothing is done; expected one of {', '.join(_DO)}")
    if len(endings) > 1:
        raise FaultError((endings[1],), f"{endings[0]} ends the command already")
    if do.executed and not endings:
        raise FaultError(("executed",), f"goes with one of {', '.join(_ENDINGS)}")
    if data and endings and not do.executed:
        raise FaultError(
            (data[0],), f"a command that ends with {endings[0]} has no data, unless executed: true"
        )
    if do.stall and (others := [key for key in given if key not in ("stall", *_BEFORE_AND_AFTER)]):
        raise FaultError((others[0],), "a copy that stalls does nothing else")
    if do.short and do.long:
        raise FaultError(("long data",), "data cannot be short and long at once")
    return do


DO = Value(_do, lambda value: written(_DO, value))
