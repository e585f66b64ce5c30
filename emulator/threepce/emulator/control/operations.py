"""What can be asked of an emulator that runs: the operations, and what each is given.

    control = Control(san)
    control.perform("fault add", {"faults": {"match": {"unit": "source"}, "do": "MEDIUM ERROR 11h/00h"}})
    control.perform("clock advance", {"seconds": 30})

What comes from outside is checked here: an operation that will not do is a Refused that says what
would. Answers are data that JSON has. Nothing here knows of sockets, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from threepce.emulator.cartridge import RecordingFault, open_cartridge
from threepce.emulator.faults import FaultError
from threepce.emulator.strict_yaml import path_text

if TYPE_CHECKING:
    from threepce.emulator.cartridge.cartridge import Cartridge
    from threepce.emulator.manager.operation import Operation as CopyOperation
    from threepce.emulator.san import San
    from threepce.emulator.unit import LogicalUnit

__all__ = ["OPERATIONS", "PROTOCOL_VERSION", "Control", "Operation", "Refused"]

PROTOCOL_VERSION = 1
MOST_RECORDS = 1000
MOST_SECONDS = 10**9
MOST_SEGMENTS = 1 << 16


class Refused(Exception):
    """An operation that cannot be done: what is wrong, and what would do. `place` is where, if known."""

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(f"{place}: {text}" if place else text)
        self.text, self.place = text, place


class Argument(NamedTuple):
    """What an operation is given under a name: of which types, in words, and when it is left out."""

    kinds: tuple[type, ...]
    words: str
    default: object = ...

    def read(self, name: str, given: Mapping[str, object]) -> object:
        """The value. Raises Refused."""
        if name not in given:
            if self.default is ...:
                raise Refused(f"is missing; expected {self.words}", name)
            return self.default
        value = given[name]
        if type(value) not in self.kinds:
            raise Refused(f"expected {self.words}, got {value!r:.60}", name)
        return value


class Operation(NamedTuple):
    """One operation: what does it, and what that is given."""

    perform: Callable[..., dict[str, Any]]
    arguments: Mapping[str, Argument] = {}


@runtime_checkable
class Drive(Protocol):
    """What has cartridges put in and taken out by hand."""

    def insert(self, cartridge: Cartridge) -> None:
        """Put a cartridge in. Raises ValueError where there is one."""
        ...

    def eject(self) -> Cartridge | None:
        """Take it out; None where there is none. Raises RecordingFault."""
        ...


class Control:
    """What somebody beside the initiators does to a SAN. `stop` ends what serves it."""

    def __init__(self, san: San, *, stop: Callable[[], None] | None = None) -> None:
        self.san = san
        self.stop = stop
        self._copies: WeakKeyDictionary[CopyOperation, int] = WeakKeyDictionary()
        self._numbered = 0

    def perform(self, name: str, given: Mapping[str, object]) -> dict[str, Any]:
        """Do one operation, and say what came of it. Raises Refused."""
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Refused(f"no operation is called {name!r:.60}; {_instead(name, OPERATIONS)}", "do")
        for argument in given:
            if argument not in operation.arguments:
                known = operation.arguments
                would = _instead(argument, known) if known else "it is given nothing"
                raise Refused(f"{name} is not given this; {would}", argument)
        values = {key: argument.read(key, given) for key, argument in operation.arguments.items()}
        return operation.perform(self, **values)

    def number_of(self, operation: CopyOperation) -> int:
        """What a copy is called here: numbers from 1, in the order in which they were first seen."""
        if operation not in self._copies:
            self._numbered += 1
            self._copies[operation] = self._numbered
        return self._copies[operation]

    def copy(self, number: int) -> CopyOperation:
        """The copy of a number that has not ended. Raises Refused."""
        running = self.san.manager.running()
        found = next((operation for operation in running if self.number_of(operation) == number), None)
        if found is None:
            numbers = ", ".join(str(self.number_of(operation)) for operation in running)
            raise Refused(f"no copy {number} runs; there are {numbers or 'none'}", "copy")
        return found

    def unit(self, name: str) -> LogicalUnit:
        """The unit of a name. Raises Refused."""
        units = {unit.name: unit for unit in self.san.units.values()}
        if name not in units:
            raise Refused(f"no unit is called {name!r:.60}; {_instead(name, units)}", "unit")
        return units[name]


def _instead(word: str, words: Mapping[str, object]) -> str:
    close = get_close_matches(word, words, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(words) or 'none'}"


def _version(control: Control) -> dict[str, Any]:
    return {"protocol": PROTOCOL_VERSION, "operations": list(OPERATIONS), "profile": control.san.profile.name}


# --- faults ---------------------------------------------------------------------------------------


def _fault_add(control: Control, faults: object) -> dict[str, Any]:
    try:
        return {"names": [installed.fault.name for installed in control.san.faults.add(faults)]}
    except FaultError as error:
        raise Refused(error.text, path_text(error.path)) from None


def _fault_list(control: Control) -> dict[str, Any]:
    return {"faults": control.san.faults.told()}


def _fault_remove(control: Control, name: str) -> dict[str, Any]:
    try:
        removed = control.san.faults.remove(name)
    except KeyError as error:
        raise Refused(error.args[0], "name") from None
    return {"met": removed.met, "done": removed.done}


def _fault_reset(control: Control) -> dict[str, Any]:
    return {"removed": control.san.faults.reset()}


# --- time, units, cartridges ----------------------------------------------------------------------


def _clock_now(control: Control) -> dict[str, Any]:
    return {"now": control.san.clock.now}


def _clock_advance(control: Control, seconds: float) -> dict[str, Any]:
    if not 0 <= seconds <= MOST_SECONDS:  # also refuses what is no number
        raise Refused(f"expected 0 to {MOST_SECONDS}, got {seconds!r}", "seconds")
    control.san.clock.advance(seconds)
    return _clock_now(control)


def _unit_list(control: Control) -> dict[str, Any]:
    return {"units": [_told(lun, unit) for lun, unit in sorted(control.san.units.items())]}


def _told(lun: int, unit: LogicalUnit) -> dict[str, Any]:
    told: dict[str, Any] = {
        "lun": lun,
        "name": unit.name,
        "serial": unit.serial,
        "peripheral_device_type": unit.peripheral_device_type,
    }
    for name in ("block_length", "blocks", "position"):
        if hasattr(unit, name):
            told[name] = getattr(unit, name)
    if isinstance(unit, Drive):
        told["cartridge"] = getattr(getattr(unit, "cartridge", None), "name", None)
    return told


def _drive(control: Control, name: str) -> Drive:
    unit = control.unit(name)
    if not isinstance(unit, Drive):
        raise Refused(f"{name} takes no cartridges", "unit")
    return unit


def _tape_insert(control: Control, unit: str, cartridge: str, write_protected: bool) -> dict[str, Any]:
    drive = _drive(control, unit)
    try:
        opened = open_cartridge(Path(cartridge), write_protected=write_protected)
    except (OSError, ValueError, RecordingFault) as error:
        raise Refused(str(error), "cartridge") from None
    try:
        drive.insert(opened)
    except ValueError as error:
        opened.close()
        raise Refused(str(error), "unit") from None
    return {"cartridge": opened.name}


def _tape_eject(control: Control, unit: str) -> dict[str, Any]:
    try:
        ejected = _drive(control, unit).eject()
        if ejected is not None:
            ejected.close()
    except RecordingFault as error:
        raise Refused(str(error), "unit") from None
    return {"cartridge": None if ejected is None else ejected.name}


# --- copies ---------------------------------------------------------------------------------------


def _copy_list(control: Control) -> dict[str, Any]:
    return {"copies": [_copy(control, operation) for operation in control.san.manager.running()]}


def _copy(control: Control, operation: CopyOperation) -> dict[str, Any]:
    return {
        "copy": control.number_of(operation),
        "initiator": operation.initiator,
        "unit": operation.receiver.name,
        "list_identifier": operation.list_identifier,
        "background": operation.background,
        "state": operation.state.text,
        "segments_processed": operation.segments_processed,
        "transferred": operation.transferred,
        "stalled": operation.stalled,
    }


def _copy_hold(control: Control, copy: int, segment: int) -> dict[str, Any]:
    operation = control.copy(copy)
    if segment < operation.segments_processed:
        raise Refused(f"the copy is beyond: {operation.segments_processed} were processed", "segment")
    operation.stall_before(segment)
    return _copy(control, operation)


def _copy_release(control: Control, copy: int) -> dict[str, Any]:
    operation = control.copy(copy)
    operation.release()
    return _copy(control, operation)


def _copy_step(control: Control, copy: int, segments: int) -> dict[str, Any]:
    """Past where it stalls, through so many segments, and stall there if that is not the end."""
    operation = control.copy(copy)
    if not 0 < segments <= MOST_SEGMENTS:
        raise Refused(f"expected 1 to {MOST_SEGMENTS}, got {segments}", "segments")
    operation.release()
    operation.stall_before(operation.segments_processed + segments)
    while operation.step() and not operation.stalled:
        pass
    control.san.manager.advance(())  # nothing, but for what has ended, which is then no longer there
    return _copy(control, operation)


# --- the rest -------------------------------------------------------------------------------------


def _trace_tail(control: Control, count: int) -> dict[str, Any]:
    if not 0 < count <= MOST_RECORDS:
        raise Refused(f"expected 1 to {MOST_RECORDS}, got {count}", "count")
    trace = control.san.trace
    return {"count": trace.count, "records": [record.told() for record in list(trace)[-count:]]}


def _stop(control: Control) -> dict[str, Any]:
    if control.stop is None:
        raise Refused("nothing serves here that could be stopped", "do")
    control.stop()
    return {}


_NAME = (str,)
_COPY = Argument((int,), "the number of a copy, as copy list tells it")
_UNIT = Argument(_NAME, "the name of a unit")

OPERATIONS: Mapping[str, Operation] = {
    "version": Operation(_version),
    "fault add": Operation(_fault_add, {"faults": Argument((dict, list), "a fault, or a list of them")}),
    "fault list": Operation(_fault_list),
    "fault remove": Operation(_fault_remove, {"name": Argument(_NAME, "the name of a fault")}),
    "fault reset": Operation(_fault_reset),
    "clock now": Operation(_clock_now),
    "clock advance": Operation(_clock_advance, {"seconds": Argument((int, float), "a number of seconds")}),
    "unit list": Operation(_unit_list),
    "tape insert": Operation(
        _tape_insert,
        {
            "unit": _UNIT,
            "cartridge": Argument(_NAME, "the path of a cartridge, as the server sees it"),
            "write_protected": Argument((bool,), "true or false", default=False),
        },
    ),
    "tape eject": Operation(_tape_eject, {"unit": _UNIT}),
    "copy list": Operation(_copy_list),
    "copy hold": Operation(
        _copy_hold, {"copy": _COPY, "segment": Argument((int,), "the number of a segment, from 0")}
    ),
    "copy release": Operation(_copy_release, {"copy": _COPY}),
    "copy step": Operation(
        _copy_step, {"copy": _COPY, "segments": Argument((int,), "a number of segments", default=1)}
    ),
    "trace tail": Operation(_trace_tail, {"count": Argument((int,), "how many of the newest", default=20)}),
    "stop": Operation(_stop),
}
