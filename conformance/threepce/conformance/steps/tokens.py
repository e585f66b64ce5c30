"""POPULATE TOKEN and WRITE USING TOKEN as steps: their parameter lists (SBC-5 5.12, 5.59)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from threepce.conformance.expression import Expression
from threepce.conformance.fields import Octets, Range
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Patch, TableStep, patched
from threepce.conformance.steps.descriptors import ranges_of, read_ranges
from threepce.conformance.tables import Fields, coded, field_of, overridden
from threepce.scsi import rod
from threepce.scsi.block_range import encode_ranges
from threepce.scsi.layout import Table
from threepce.scsi.third_party_copy import PopulateToken, WriteUsingToken

__all__ = ["PopulateTokenStep", "WriteUsingTokenStep"]

ZERO, ONE = Expression.parse(0), Expression.parse(1)
LENGTH = 2
"""The data length at the start of both lists leaves out itself."""


class _TokenStep(TableStep):
    HEAD: ClassVar[type[Table]]
    DATA_LENGTH: ClassVar[str]

    list_identifier: Annotated[Expression, field_of(PopulateToken, "list_identifier")] = ONE
    group_number: Annotated[Expression, field_of(PopulateToken, "group_number")] = ZERO
    parameter_list_length: Annotated[Expression | None, field_of(PopulateToken, "parameter_list_length")] = (
        None
    )
    ranges: Any = Field(default_factory=list)
    raw: Any = None
    patches: Annotated[list[Patch], Field(alias="bytes", default_factory=list)]
    truncate: Annotated[Expression, Range(0, 1 << 24, "bytes")] = ZERO

    @field_validator("ranges", mode="before")
    @classmethod
    def _ranges(cls, value: object) -> object:
        return read_ranges(value)

    @field_validator("raw", mode="before")
    @classmethod
    def _head_fields(cls, value: object) -> object:
        return Fields.read(value, cls.HEAD)

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """The length of the list, unless the file gives another."""
        return {"parameter_list_length": len(data_out)}

    def data_out(self, scope: Scope) -> bytes:
        """The parameter list, with all that the file does to it."""
        ranges = encode_ranges(ranges_of(self.ranges, scope))
        given = self.raw.numbers(scope) if self.raw else {}
        lengths = {
            self.DATA_LENGTH: self.HEAD.SIZE - LENGTH + len(ranges),
            "block_device_range_descriptor_length": len(ranges),
        }
        head = self.HEAD(**(self._head(scope) | lengths | given)).encode()
        data = patched(overridden(head, self.raw, scope) + ranges, self.patches, scope)
        cut = scope.natural(self.truncate, "truncate")
        if cut > len(data):
            raise ValueError(f"truncate is {cut}, but the parameter list has {len(data)} bytes")
        return data[: len(data) - cut]

    def _head(self, scope: Scope) -> dict[str, Any]:
        raise NotImplementedError


class PopulateTokenStep(_TokenStep, step="populate token", table=PopulateToken):
    """POPULATE TOKEN. With `rod_type` the RTV bit is set."""

    HEAD: ClassVar[type[Table]] = rod.PopulateTokenHead
    DATA_LENGTH: ClassVar[str] = "populate_token_data_length"

    immed: bool = False
    inactivity_timeout: Annotated[Expression, field_of(rod.PopulateTokenHead, "inactivity_timeout")] = ZERO
    rod_type: Annotated[
        Expression | None,
        coded(rod.PopulateTokenHead, "rod_type"),
        field_of(rod.PopulateTokenHead, "rod_type"),
    ] = None

    def _head(self, scope: Scope) -> dict[str, Any]:
        head = {"immed": self.immed, "inactivity_timeout": scope.number(self.inactivity_timeout)}
        if self.rod_type is not None:
            head |= {"rtv": True, "rod_type": scope.number(self.rod_type)}
        return head


class WriteUsingTokenStep(_TokenStep, step="write using token", table=WriteUsingToken):
    """WRITE USING TOKEN. The token is ``{kept: name}``, hex digits, or ``zero``."""

    HEAD: ClassVar[type[Table]] = rod.WriteUsingTokenHead
    DATA_LENGTH: ClassVar[str] = "write_using_token_data_length"

    token: Octets
    immed: bool = False
    del_tkn: bool = False
    offset_into_rod: Annotated[Expression, field_of(rod.WriteUsingTokenHead, "offset_into_rod")] = ZERO
    token_bytes: list[Patch] = Field(default_factory=list)

    @field_validator("token", mode="before")
    @classmethod
    def _zero_token(cls, value: object) -> object:
        return rod.block_device_zero_token().encode().hex() if value == "zero" else value

    def _head(self, scope: Scope) -> dict[str, Any]:
        token = patched(scope.bytes_of(self.token), self.token_bytes, scope)
        if len(token) > rod.ROD_TOKEN_LENGTH:
            raise ValueError(f"a token has {rod.ROD_TOKEN_LENGTH} bytes, not {len(token)}")
        return {
            "rod_token": token.ljust(rod.ROD_TOKEN_LENGTH, b"\0"),
            "immed": self.immed,
            "del_tkn": self.del_tkn,
            "offset_into_rod": scope.number(self.offset_into_rod),
        }
