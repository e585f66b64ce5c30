"""What all segment descriptors share: their codes, their first bytes, and finding a form.

A form of segment descriptor is one subclass of :class:`Segment`, registered by being declared; one
of varying length has a subclass of :class:`SegmentWithPayload` besides. The modules that declare
them are ``segment``, ``segment_copy``, ``segment_control``, ``segment_rod`` and ``segment_143``;
``segment`` imports the others and is where users come in.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Code, Table, u8, u16
from threepce.scsi.payload import WithPayload

__all__ = [
    "Segment",
    "SegmentForm",
    "SegmentType",
    "SegmentWithPayload",
    "UnknownSegment",
    "find_segment",
    "segment_forms",
]


class SegmentType(Code):
    """SPC-4 table 146: the codes 00h to BFh."""

    BLOCK_TO_STREAM = 0x00
    STREAM_TO_BLOCK = 0x01
    BLOCK_TO_BLOCK = 0x02
    STREAM_TO_STREAM = 0x03
    INLINE_TO_STREAM = 0x04
    EMBEDDED_TO_STREAM = 0x05
    STREAM_TO_DISCARD = 0x06
    VERIFY_CSCD = 0x07
    BLOCK_OFFSET_TO_STREAM = 0x08
    STREAM_TO_BLOCK_OFFSET = 0x09
    BLOCK_OFFSET_TO_BLOCK_OFFSET = 0x0A
    BLOCK_TO_STREAM_HOLD = 0x0B
    STREAM_TO_BLOCK_HOLD = 0x0C
    BLOCK_TO_BLOCK_HOLD = 0x0D
    STREAM_TO_STREAM_HOLD = 0x0E
    STREAM_TO_DISCARD_HOLD = 0x0F
    WRITE_FILEMARKS = 0x10
    SPACE = 0x11
    LOCATE = 0x12
    TAPE_IMAGE_COPY = 0x13
    REGISTER_KEY = 0x14
    THIRD_PARTY_PERSISTENT_RESERVATIONS_SOURCE = 0x15
    BLOCK_IMAGE_COPY = 0x16
    POPULATE_ROD_FROM_RANGES = 0xBE
    POPULATE_ROD_FROM_RANGE = 0xBF


class Segment(Table):
    """Base of every form of segment descriptor, or of its head where data follows.

    CODES are its type code, and the code of the same form that also holds the processed data for
    the application client (SPC-4 table 146). It stands for them in the given dialect, or in all
    that have no form of their own.
    """

    CODES: ClassVar[tuple[int, ...]] = ()
    DIALECT: ClassVar[Dialect | None] = None

    descriptor_type_code: int = u8(0, default=0)
    descriptor_length: int = u16(2, default=0)

    def __init_subclass__(
        cls,
        *,
        code: int,
        hold: int | None = None,
        length: int | None = None,
        dialect: Dialect | None = None,
        size: int,
        ref: str,
    ) -> None:
        # Code and length are facts of the class, so its users need not pass them.
        cls.__annotations__ |= {"descriptor_type_code": SegmentType, "descriptor_length": int}
        cls.descriptor_type_code = u8(0, default=SegmentType(code))
        cls.descriptor_length = u16(2, default=size - 4 if length is None else length)
        super().__init_subclass__(size=size, ref=ref)
        cls.CODES = (code,) if hold is None else (code, hold)
        cls.DIALECT = dialect
        _register(cls)

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """The value, when these bytes are one descriptor of this form and say so in their length."""
        if len(data) != cls.SIZE:
            return None
        value = cls.decode(data)
        return value if value.descriptor_length == cls.SIZE - 4 else None


S = TypeVar("S", bound=Segment)


class SegmentWithPayload(WithPayload[S], Generic[S]):
    """A segment descriptor of varying length: the table at its head, and the bytes behind it."""

    HEAD: ClassVar[type[Segment]]

    def __init_subclass__(cls, *, head: type[Segment]) -> None:
        super().__init_subclass__()
        cls.HEAD = head
        _register(cls)

    @property
    def descriptor_type_code(self) -> int:
        """The code of the head."""
        return self.head.descriptor_type_code

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """The value, when these bytes are one descriptor of this form and say so in their length."""
        head: Any = cls.HEAD
        if len(data) < head.SIZE:
            return None
        value = cls(head.decode(data), data[head.SIZE :])
        return value if value.length() == len(data) else None

    def length(self) -> int:
        """How many bytes the head says the descriptor has, payload and all."""
        return 4 + self.head.descriptor_length


class UnknownSegment(NamedTuple):
    """A segment descriptor of no form known here, or of a wrong length: its code and its bytes."""

    descriptor_type_code: int | None
    raw: bytes

    def encode(self) -> bytes:
        """The bytes it came as."""
        return self.raw


SegmentForm = type[Segment] | type[SegmentWithPayload[Any]]

_forms: dict[int, SegmentForm] = {}
_forms_of_dialect: dict[Dialect, dict[int, SegmentForm]] = {dialect: {} for dialect in Dialect}


def _register(form: SegmentForm) -> None:
    table = form if issubclass(form, Segment) else form.HEAD
    forms = _forms if table.DIALECT is None else _forms_of_dialect[table.DIALECT]
    for code in table.CODES:
        forms[code] = form


def segment_forms(dialect: Dialect) -> dict[int, SegmentForm]:
    """Every form by its codes, as the dialect has them."""
    return _forms | _forms_of_dialect[dialect]


def find_segment(code: int, dialect: Dialect) -> SegmentForm | None:
    """The form of a segment descriptor with this code, or None when none is known here."""
    return _forms_of_dialect[dialect].get(code) or _forms.get(code)
