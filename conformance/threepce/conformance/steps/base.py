"""What every step is: a model that reads itself from YAML and either sends, claims or does something.

A subclass that says which step it is, is known to scenario files by that name. Steps build bytes from the T10
tables and never through the agent, since the bytes are meant to be wrong at times.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, field_validator

from threepce.conformance.expression import Expression
from threepce.conformance.fields import HexBytes, Model, Range, UnitName
from threepce.conformance.scope import Scope
from threepce.conformance.tables import Fields, overridden
from threepce.scsi.cdb import Cdb
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.nexus import Completion

if TYPE_CHECKING:
    from threepce.conformance.contents import Check, Contents
    from threepce.conformance.engines.base import Bench

__all__ = [
    "MAXIMUM_ROOM",
    "Action",
    "Answer",
    "Claim",
    "Command",
    "CommandStep",
    "Patch",
    "Step",
    "TableStep",
    "annotated",
    "declared_steps",
    "patched",
]

MAXIMUM_ROOM = 1 << 16
"""An allocation length may be 4 GiB; no more room than this is made unless the file says so."""

Answer = Mapping[str, int | str | list[int]]
"""Values of an answer by field name; bytes as hex digits, so that it can go into the history."""

_declared: dict[str, type[Step]] = {}


def declared_steps() -> Mapping[str, type[Step]]:
    """The steps that have a class of their own, by the name they have in scenario files."""
    return _declared


class Step(Model):
    """One entry under ``steps``: ``class Unchanged(Claim, step="unchanged", short="extents")``.

    `short` is the field that a value which is no mapping stands for. NEEDS are features that an
    engine must have for the step to make sense.
    """

    NAME: ClassVar[str]
    SHORT: ClassVar[str | None] = None
    NEEDS: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, *, step: str | None = None, short: str | None = None) -> None:
        super().__init_subclass__()
        if step is not None:
            cls.NAME, cls.SHORT = step, short
            _declared[step] = cls

    @classmethod
    def chosen(cls, arguments: Mapping[str, Any]) -> type[Step]:  # noqa: ARG003  (subclasses do)
        """The form of the step that these arguments mean. Raises ValueError when there is none."""
        return cls


class Claim(Step):
    """A step that sends no command under test but says what the units hold now."""

    @abstractmethod
    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Compare what is there with what should be."""


class Action(Step):
    """A step that does something to the engine that is no command: time passes, a cartridge goes in."""

    @abstractmethod
    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Do it. Raises ValueError for what cannot be done."""


class Command(NamedTuple):
    """A command ready to be sent."""

    cdb: bytes
    data_out: bytes = b""
    data_in_length: int = 0


class Patch(Model):
    """Bytes to put over what was built."""

    at: Annotated[Expression, Range(0, 0xFFFFFF, "an offset")]
    put: HexBytes


def patched(data: bytes, patches: list[Patch], scope: Scope) -> bytes:
    """`data` with the patches in it. Raises ValueError for one that lies beyond the end."""
    changed = bytearray(data)
    for patch in patches:
        at = scope.natural(patch.at, "at")
        if at + len(patch.put) > len(changed):
            raise ValueError(f"{len(patch.put)} bytes at {at} lie beyond the {len(changed)} that are there")
        changed[at : at + len(patch.put)] = patch.put
    return bytes(changed)


class CommandStep(Step):
    """A step that sends one command to a unit, or to another LUN over the same I_T nexus.

    `initiator` is the name of another I_T nexus to send it over.
    """

    to: UnitName
    lun: Annotated[Expression | None, Range(0, 16383, "a LUN")] = None
    initiator: Annotated[str | None, Field(min_length=1, max_length=32)] = None
    data_in_length: Annotated[Expression | None, Range(0, 1 << 24, "room for the answer")] = None
    timeout: Annotated[Expression | None, Range(1, 600, "seconds")] = None

    @property
    @abstractmethod
    def title(self) -> str:
        """The name of the command as the standard writes it."""

    @abstractmethod
    def command(self, scope: Scope) -> Command:
        """The command to send. Raises ValueError when no bytes can say what the file says."""

    def table(self) -> type[Cdb] | None:
        """The table of the CDB, where there is one."""
        return None

    def dialect(self) -> Dialect:
        """The dialect of the parameter list, for what a field pointer may name."""
        return Dialect.LID1

    def response(self) -> tuple[type[Table], ...]:
        """The tables that the data of the answer starts with, one behind the other."""
        return ()

    def answers(self) -> set[str]:
        """The names that ``expect: data`` and ``keep`` can use."""
        return {name for table in self.response() for name in table.PLACES}

    def answer(self, data: bytes, scope: Scope) -> Answer:
        """What the data of an answer says, as far as it goes."""
        return annotated(self.response(), data)

    def done(self, answer: Completion, contents: Contents, scope: Scope) -> None:
        """Tell `contents` what the command has changed, as far as its answer says that it did."""


class TableStep(CommandStep):
    """A command step whose CDB has a table.

    A field of the model with the name of a CDB field fills that field.
    """

    CDB: ClassVar[type[Cdb]]

    cdb: Any = None
    cdb_bytes: list[Patch] = Field(default_factory=list)

    def __init_subclass__(
        cls, *, step: str | None = None, short: str | None = None, table: type[Cdb] | None = None
    ) -> None:
        super().__init_subclass__(step=step, short=short)
        if table is not None:
            cls.CDB = table

    @field_validator("cdb", mode="before")
    @classmethod
    def _cdb_fields(cls, value: object) -> object:
        return Fields.read(value, cls.CDB)

    @property
    def title(self) -> str:
        """The name of the command as the standard writes it."""
        return self.CDB.TITLE

    def table(self) -> type[Cdb] | None:
        """The table of the CDB."""
        return self.CDB

    def command(self, scope: Scope) -> Command:
        """The command to send. Raises ValueError when no bytes can say what the file says."""
        data_out = self.data_out(scope)
        room = 0 if data_out else self.room(scope)
        if self.data_in_length is not None:
            room = scope.natural(self.data_in_length, "data_in_length")
        fields = self.cdb_fields(scope, data_out)
        for name in self.CDB.PLACES:
            value = getattr(self, name, None)
            if isinstance(value, Expression):
                fields[name] = scope.number(value)
        cdb = overridden(self.CDB(**fields).encode(), self.cdb, scope)
        return Command(patched(cdb, self.cdb_bytes, scope), data_out, room)

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """CDB fields that follow from something else than a field of the same name."""
        return {}

    def data_out(self, scope: Scope) -> bytes:
        """The bytes that go to the device."""
        return b""

    def room(self, scope: Scope) -> int:
        """How many bytes of answer to make room for."""
        return 0


def annotated(tables: tuple[type[Table], ...], data: bytes) -> dict[str, int | str | list[int]]:
    """The fields of tables that stand one behind the other and lie whole within `data`."""
    found: dict[str, int | str | list[int]] = {}
    for table in tables:
        found |= {
            item.name: item.value.hex() if isinstance(item.value, bytes) else int(item.value)
            for item in table.annotate(data)
        }
        data = data[table.SIZE :]
    return found
