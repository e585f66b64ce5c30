"""A table with bytes of varying length behind it, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from threepce.scsi.layout import Table

__all__ = ["WithPayload", "padded"]

H = TypeVar("H", bound=Table)


def padded(data: bytes) -> bytes:
    """`data` with zeros up to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


@dataclass(frozen=True)
class WithPayload(Generic[H]):
    """A head, and the bytes that follow it up to the end that the head or the sender gave.

    The head's length fields may say anything: what does not agree is for a validator to find.
    Subclasses have an ``of`` that fills them in, and properties that read the payload.
    """

    head: H
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes of both. Raises EncodeError when a value of the head does not fit."""
        return self.head.encode() + self.payload
