"""The step of a command that is no more than its table: a field of the CDB is a key of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from threepce.conformance.scope import Scope
from threepce.conformance.steps.answers import ANSWERS, named_by, read_answer
from threepce.conformance.steps.base import MAXIMUM_ROOM, Answer, TableStep, annotated
from threepce.conformance.steps.pieces import Pieces, Tables, joined
from threepce.conformance.tables import Fields, refuse_missing
from threepce.scsi import block, primary, stream_data
from threepce.scsi import stream_position as position
from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Table

__all__ = ["CdbStep"]

DEFAULTS: Mapping[type[Cdb], Mapping[str, int]] = {
    primary.Inquiry: {"allocation_length": 255},
    primary.ReportLuns: {"allocation_length": 4096},
}
"""What a scenario may leave out where the table has no default, or one that asks for too little."""
LIST_IDENTIFIER = {"list_identifier": 1}
"""The same for every command that has one."""

ANSWER_LENGTHS: Mapping[type[Cdb], int] = {
    block.ReadCapacity10: block.Capacity10.SIZE,
    stream_data.ReadBlockLimits: stream_data.BlockLimitsData.SIZE,
    position.ReadPosition: position.LongPosition.SIZE,
}
"""How long the answer of a command is that has no allocation length, or need not use it."""


class CdbStep(TableStep):
    """A command with the fields of its CDB beside the keys that all commands have."""

    fields: Any = None
    data: Pieces | None = None
    decode: Tables | None = None

    SHORTER: ClassVar[Mapping[str, str]] = {}
    """Further names of CDB fields."""

    @model_validator(mode="before")
    @classmethod
    def _cdb_values(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        own = {field.alias or name for name, field in cls.model_fields.items()} - {"fields"}
        rest = {key: item for key, item in value.items() if key not in own}
        names = {name: name for name in cls.CDB.PLACES if name not in cls._fixed()} | dict(cls.SHORTER)
        fields = Fields.read(rest, cls.CDB, names=names, beside=own, at=())
        refuse_missing(
            fields, {"parameter_list_length", "operation_code", "service_action", *LIST_IDENTIFIER}
        )
        return {key: item for key, item in value.items() if key in own} | {"fields": fields}

    @classmethod
    def _fixed(cls) -> set[str]:
        """The codes that make the command what it is."""
        return {"operation_code"} | ({"service_action"} if cls.CDB.SERVICE_ACTION is not None else set())

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """The fields of the file, and the lengths that follow from something else."""
        found: dict[str, Any] = {}
        if "parameter_list_length" in self.CDB.PLACES:
            found["parameter_list_length"] = len(data_out)
        if "list_identifier" in self.CDB.PLACES:
            found |= LIST_IDENTIFIER
        return {**found, **DEFAULTS.get(self.CDB, {}), **self.fields.numbers(scope)}

    def data_out(self, scope: Scope) -> bytes:
        """The pieces of data."""
        return joined(self.data, scope) if self.data is not None else b""

    def room(self, scope: Scope) -> int:
        """The allocation length, or as much as the command brings."""
        if self.CDB in ANSWER_LENGTHS:
            return ANSWER_LENGTHS[self.CDB]
        if "allocation_length" not in self.CDB.PLACES:
            return 0
        fields = self.cdb_fields(scope, b"")
        length: int = fields.get("allocation_length", getattr(self.CDB, "allocation_length", 0))
        return min(length, MAXIMUM_ROOM)

    def response(self) -> tuple[type[Table], ...]:
        """The tables that the file names, else those that are known."""
        return ANSWERS.get(self.CDB, ()) if self.decode is None else self.decode

    def answers(self) -> set[str]:
        """The fields of the tables, and what else is known of the answer."""
        return named_by(self.CDB) if self.decode is None else super().answers()

    def answer(self, data: bytes, scope: Scope) -> Answer:
        """What the data of an answer says, as far as it goes."""
        if self.decode is not None:
            return annotated(self.decode, data)
        return read_answer(self.CDB, data, self.command(scope).cdb)

    def number(self, name: str, scope: Scope) -> int:
        """The value of a CDB field that is a number."""
        value = self.cdb_fields(scope, b"").get(name, getattr(self.CDB, name, 0))
        return int(value)
