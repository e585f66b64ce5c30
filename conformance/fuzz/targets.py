"""Every decoder there is, found by walking the packages: whatever takes bytes or text that came from outside.

A decoder is the ``decode`` of a table, or a ``decode``, ``split`` or ``read`` of another class, or a
public function whose first argument is bytes or text and whose other arguments can be made up. One
with a choice (a dialect, a format) is a decoder for each. To decode is not all: what comes out is
looked at as its users do, encoded again, printed, walked.
"""

from __future__ import annotations

import inspect
import io
import pkgutil
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from importlib import import_module
from itertools import islice, product
from types import ModuleType
from typing import Any, NamedTuple

import threepce.conformance.explain
import threepce.scsi
from threepce.conformance.errors import UsageError
from threepce.conformance.explain.command import Request, explain
from threepce.scsi.dissect import Node
from threepce.scsi.layout import DecodeError, EncodeError, Table

PACKAGES = (threepce.scsi, threepce.conformance.explain)
METHODS = ("decode", "split", "read")
STARTS = ("offset", "at")
"""Arguments that only say where the bytes stood."""
LOOKED_AT = 40
"""How many members of a result are looked at."""


class Target(NamedTuple):
    """A decoder: what to call, what it says about itself, whether it takes text, how dear a call is."""

    name: str
    call: Callable[[Any], Any]
    says: str
    text: bool = False
    view: bool = False
    table: type[Table] | None = None
    rare: int = 1

    def run(self, data: bytes | str) -> Any:
        """Decode, and use what comes out. Raises what the decoder raises."""
        if self.text and isinstance(data, bytes):
            data = as_text(data)
        given = memoryview(data) if self.view and isinstance(data, bytes) else data
        result = self.call(given)
        if self.table is None:
            use(result)
        elif isinstance(data, bytes):
            check(self.table, result, data)
        return result

    def documents(self, error: Exception) -> bool:
        """Whether the decoder says that it raises this: its docstring names the class or a base of it."""
        names = [cls.__name__ for cls in type(error).__mro__ if cls not in (Exception, BaseException, object)]
        return any(name in self.says for name in names)


def modules() -> Iterator[ModuleType]:
    """Every module of the packages that read what came from outside."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield import_module(module.name)


def tables() -> dict[str, type[Table]]:
    """Every table by "module.Name", as the vectors name them."""
    list(modules())
    found = sorted(set(_below(Table)), key=lambda table: (table.__module__, table.__qualname__))
    return {f"{t.__module__.removeprefix('threepce.scsi.')}.{t.__qualname__}": t for t in found if t.SIZE}


def _below(table: type[Table]) -> Iterator[type[Table]]:
    for subclass in table.__subclasses__():
        if subclass.__module__.startswith("threepce."):
            yield subclass
        yield from _below(subclass)


def find_targets() -> list[Target]:
    """Every decoder, tables first, in an order that only depends on the names."""
    found = [
        Target(f"{name}.decode", table.decode, Table.decode.__doc__ or "", table=table)
        for name, table in tables().items()
    ]
    for module in modules():
        for name, thing in sorted(vars(module).items()):
            if name.startswith("_") or getattr(thing, "__module__", "") != module.__name__:
                continue
            if inspect.isclass(thing) and not issubclass(thing, Table) and not _is_base(thing):
                for method in METHODS:
                    if hasattr(thing, method):
                        found += _variants(f"{module.__name__}.{name}.{method}", _bound(thing, method))
            elif inspect.isfunction(thing) and not name.startswith("encode"):
                found += _variants(f"{module.__name__}.{name}", thing)
    found.append(Target("explain", explain_text, "UsageError", text=True, rare=25))
    return found


def _is_base(cls: type) -> bool:
    """Whether a class leaves facts to its subclasses, and so decodes nothing itself."""
    facts = inspect.get_annotations(cls).items()
    return any("ClassVar" in str(kind) and not hasattr(cls, name) for name, kind in facts)


def _bound(cls: type, method: str) -> Callable[..., Any]:
    """The method as one calls it; that of an instance where it is no class method."""
    if inspect.ismethod(getattr(cls, method)) or isinstance(vars(cls).get(method), staticmethod):
        return getattr(cls, method)  # type: ignore[no-any-return]
    try:
        return getattr(cls(), method)  # type: ignore[no-any-return]
    except TypeError:  # it takes arguments to make one, so it does not start from bytes
        return lambda: None


def _variants(name: str, call: Callable[..., Any]) -> Iterator[Target]:
    """The decoder once for each combination of its choices; nothing when it is none."""
    parameters = list(inspect.signature(call).parameters.values())
    kind = str(parameters[0].annotation) if parameters else ""
    if kind not in ("str", "bytes", "memoryview", "bytes | memoryview", "bytes | bytearray | memoryview"):
        return
    choices: dict[str, list[Any]] = {}
    for other in parameters[1:]:
        if isinstance(other.default, Enum):
            choices[other.name] = list(type(other.default))
        elif isinstance(other.default, bool):
            choices[other.name] = [False, True]
        elif other.name in STARTS:
            choices[other.name] = [0]
        elif other.default is other.empty:
            return
    for values in product(*choices.values()):
        given = dict(zip(choices, values, strict=True))
        label = ", ".join(f"{key}={getattr(value, 'name', value)}" for key, value in given.items())
        yield Target(
            f"{name.removeprefix('threepce.')}({label})",
            partial(call, **given),
            call.__doc__ or "",
            text=kind == "str",
            view=kind == "memoryview",
            rare=10 if ".explain." in name else 1,
        )


def as_text(data: bytes) -> str:
    """The form in which bytes are typed or piped; the first byte chooses which."""
    way = data[0] % 5 if data else 0
    if way == 0:
        return data.decode("utf-8", "replace")
    if way == 1:
        return data.hex(" ")
    if way == 2:
        return "".join(f"{at:08x}: {data[at : at + 16].hex(' ', 2)}  x\n" for at in range(0, len(data), 16))
    if way == 3:
        return data.hex() + data[-3:].decode("latin-1")
    return f"{data[-1]:02x}h/{data[0]:02X}h"


def explain_text(text: str) -> None:
    """`3pce explain` with this as its argument, and with this on its standard input."""
    out = io.StringIO()
    asked = 0
    for request, piped in (
        (Request(words=(text,)), ""),
        (Request(), text),
        (Request((text,), json=True), ""),
    ):
        try:
            explain(request, io.StringIO(piped), out)
        except UsageError:
            asked += 1
    if asked == 3:
        raise UsageError("no reading fits")


def use(result: Any) -> None:
    """What users do with a result: take it apart, print it, encode it."""
    if isinstance(result, Node):
        for node in result.walk():
            _ = node.title, node.length, node.end
        list(result.all_remarks())
        result.path(len(result.data) // 2)
        return
    if isinstance(result, Iterator):
        result = list(islice(result, LOOKED_AT))
    if type(result) in (tuple, list):
        for item in result[:LOOKED_AT]:
            use(item)
    elif type(result).__module__.startswith("threepce."):
        use_value(result)


def use_value(value: Any) -> None:
    """Ask a value of ours for all it has."""
    for name in properties(type(value)):
        getattr(value, name)
    str(value)
    if hasattr(value, "encode"):
        try:
            value.encode()
        except EncodeError:
            return  # what is cut or contradicts itself may have no encoding


_properties: dict[type, list[str]] = {}


def properties(cls: type) -> list[str]:
    """The names of the public properties of a class."""
    if cls not in _properties:
        _properties[cls] = [
            name
            for name, thing in inspect.getmembers(cls)
            if isinstance(thing, property) and not name.startswith("_")
        ]
    return _properties[cls]


def check(table: type[Table], value: Table, data: bytes) -> None:
    """A table that decodes encodes to the same bytes, reserved bits aside, and tells of its fields."""
    again = value.encode()
    expected = bytes(byte & used for byte, used in zip(data, table.USED, strict=False))
    if again != expected:
        raise AssertionError(f"encodes to {again.hex()}, decoded from {expected.hex()}")
    table.first_reserved(data)
    if sum(data[-8:]) % 8 == 1:  # four times as dear as all the rest
        list(table.annotate(data))


def is_fine(target: Target, error: Exception) -> bool:
    """Whether a decoder may raise this: DecodeError or EncodeError, or what it says it raises."""
    return isinstance(error, (DecodeError, EncodeError)) or target.documents(error)
