r"""The text format: key=value pairs, each ended by a zero byte, over as many PDUs as they need.

Owns RFC 7143 6.1 and 6.2: what a key and a value may look like, numbers and binary values, and the
C bit that says a list goes on. What keys mean is `keys` and `chap`.

    encode_text([("HeaderDigest", "None")])           b"HeaderDigest=None\0"
    collector = TextCollector()
    pairs = collector.add(pdu.data, more=header.continues)      # None until the last part
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from threepce.scsi.iscsi.errors import TextError

__all__ = [
    "MAXIMUM_TEXT",
    "Pair",
    "TextCollector",
    "decode_binary",
    "decode_number",
    "decode_text",
    "encode_binary",
    "encode_text",
    "parts",
    "without_repeats",
]

MAXIMUM_TEXT = 1 << 16
"""More text than this in one exchange is an attack: RFC 7143 6.2 asks for 8,192 bytes."""

Pair = tuple[str, str]

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9.+@_-]{0,62}|[X-Z][-#][A-Za-z0-9.+@_-]{1,61}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,19})\Z", re.ASCII)
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+\Z", re.ASCII)
_BASE64 = re.compile(r"0[bB]([A-Za-z0-9+/]+={0,2})\Z", re.ASCII)


def encode_text(pairs: Iterable[Pair]) -> bytes:
    """The bytes of some pairs. Raises TextError for a key or value that cannot be sent."""
    return b"".join(_sendable(key, value) for key, value in pairs)


def _sendable(key: str, value: str) -> bytes:
    if not _KEY.fullmatch(key) or "\0" in value:
        raise TextError(f"{key!r}={value!r} cannot be sent (RFC 7143 6.1)")
    return f"{key}={value}\0".encode()


def decode_text(data: bytes) -> list[Pair]:
    """The pairs in some bytes, in their order. Raises TextError."""
    if not data:
        return []
    items = data.rstrip(b"\0").split(b"\0") if data.endswith(b"\0") else None
    if items is None:
        raise TextError(f"the text ends with {data[-16:]!r} and not with a zero byte (RFC 7143 6.1)")
    return [_pair(item) for item in items if item]


def _pair(item: bytes) -> Pair:
    key, equals, value = item.partition(b"=")
    try:
        name, text = key.decode("ascii"), value.decode("utf-8")
    except UnicodeDecodeError:
        raise TextError(f"{item[:64]!r} is not UTF-8 text with an ASCII key (RFC 7143 6.1)") from None
    if not equals or not _KEY.fullmatch(name):
        raise TextError(f"{item[:64]!r} is no key=value (RFC 7143 6.1)")
    return name, text


def without_repeats(pairs: Iterable[Pair]) -> dict[str, str]:
    """Pairs as a mapping. Raises TextError for a key that is there twice (RFC 7143 6.2)."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise TextError(f"the key {key} is sent twice (RFC 7143 6.2)")
        found[key] = value
    return found


def decode_number(text: str) -> int:
    """A decimal or 0x number of at most 64 bits. Raises TextError."""
    if _DECIMAL.match(text):
        number = int(text)
    elif _HEXADECIMAL.match(text) and len(text) <= 2 + 64:
        number = int(text, 16)
    else:
        raise TextError(f"{text[:64]!r} is no number (RFC 7143 6.1)")
    if number >> 64:
        raise TextError(f"{text[:64]!r} is a number of more than 64 bits (RFC 7143 6.1)")
    return number


def decode_binary(text: str, maximum: int = 1024) -> bytes:
    """A binary value in hexadecimal or base64 of at most `maximum` bytes. Raises TextError."""
    try:
        if _HEXADECIMAL.match(text):
            digits = text[2:]
            value = bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
        elif match := _BASE64.match(text):
            value = base64.b64decode(match[1], validate=True)
        else:
            raise TextError(f"{text[:64]!r} is no binary value (RFC 7143 6.1)")
    except binascii.Error as error:
        raise TextError(f"{text[:64]!r} is no base64: {error} (RFC 7143 6.1)") from None
    if len(value) > maximum:
        raise TextError(f"a binary value has {len(value)} bytes, {maximum} are allowed (RFC 7143 6.1)")
    return value


def encode_binary(value: bytes) -> str:
    """A binary value in hexadecimal."""
    return f"0x{value.hex()}"


def parts(data: bytes, length: int) -> list[bytes]:
    """Text in parts that fit PDUs of `length` bytes of data; at least one, which may be empty."""
    return [data[at : at + length] for at in range(0, len(data), length)] or [b""]


class TextCollector:
    """Puts the parts of a text together, as far as `maximum` bytes go."""

    def __init__(self, maximum: int = MAXIMUM_TEXT) -> None:
        self.maximum = maximum
        self.waits = False
        """Whether a part has come that is not the last."""
        self._data = b""

    def add(self, data: bytes, *, more: bool) -> list[Pair] | None:
        """Take one part; the pairs, when it was the last. Raises TextError."""
        whole = self._data + data
        if len(whole) > self.maximum:
            raise TextError(f"a text of more than {self.maximum} bytes")
        self._data, self.waits = (whole if more else b""), more
        return None if more else decode_text(whole)
