"""The Third-party Copy VPD page (8Fh): what a copy manager can do (SPC-4 7.8.17).

The page is a list of descriptors. Each table holds one whole descriptor, its type and length
included; those with lists have a value of their own beside the table of their head.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from threepce.scsi.layout import Code, DecodeError, Table, bit, bits, u8, u16, u32, u64
from threepce.scsi.records import split_records, split_tables
from threepce.scsi.vpd import VpdPage, decode_page, encode_page

__all__ = [
    "BlockDeviceRodTokenLimits",
    "BlockRodFeatures",
    "CodeListHeader",
    "CscdIdListHeader",
    "GeneralCopyOperations",
    "HeldDataDescriptor",
    "RodTokenFeaturesHeader",
    "RodType",
    "RodTypesHeader",
    "StreamCopyOperations",
    "StreamRodFeatures",
    "SupportedCommand",
    "ThirdPartyCopyDescriptor",
    "ThirdPartyCopyDescriptorHeader",
    "ThirdPartyCopyParameters",
    "ThirdPartyCopyType",
    "decode_code_list",
    "decode_cscd_ids",
    "decode_rod_types",
    "decode_supported_commands",
    "decode_third_party_copy",
    "encode_code_list",
    "encode_cscd_ids",
    "encode_rod_types",
    "encode_supported_commands",
    "encode_third_party_copy",
]

_REF = "SPC-4 7.8.17"


class ThirdPartyCopyType(Code):
    """SPC-4 7.8.17: what a descriptor tells of."""

    BLOCK_DEVICE_ROD_TOKEN_LIMITS = 0x0000
    SUPPORTED_COMMANDS = 0x0001
    PARAMETER_DATA = 0x0004
    SUPPORTED_DESCRIPTORS = 0x0008
    SUPPORTED_CSCD_DESCRIPTOR_IDS = 0x000C
    COPY_GROUP_IDENTIFIER = 0x000D
    ROD_TOKEN_FEATURES = 0x0106
    SUPPORTED_ROD_TYPES = 0x0108
    GENERAL_COPY_OPERATIONS = 0x8001
    STREAM_COPY_OPERATIONS = 0x9101
    HELD_DATA = 0xC001


class ThirdPartyCopyDescriptorHeader(Table, size=4, ref=_REF):
    """What every descriptor starts with."""

    descriptor_type: ThirdPartyCopyType = u16(0)
    descriptor_length: int = u16(2)


class BlockDeviceRodTokenLimits(Table, size=36, ref=_REF):
    """Limits of POPULATE TOKEN and WRITE USING TOKEN (0000h); transfers in blocks, times in seconds."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.BLOCK_DEVICE_ROD_TOKEN_LIMITS)
    descriptor_length: int = u16(2, default=0x20)
    maximum_range_descriptors: int = u16(10, default=0)
    maximum_inactivity_timeout: int = u32(12, default=0)
    default_inactivity_timeout: int = u32(16, default=0)
    maximum_token_transfer_size: int = u64(20, default=0)
    optimal_transfer_count: int = u64(28, default=0)


class ThirdPartyCopyParameters(Table, size=32, ref=_REF):
    """Limits of an EXTENDED COPY parameter list (0004h)."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.PARAMETER_DATA)
    descriptor_length: int = u16(2, default=0x1C)
    maximum_cscd_descriptor_count: int = u16(8, default=0)
    maximum_segment_descriptor_count: int = u16(10, default=0)
    maximum_descriptor_list_length: int = u32(12, default=0)
    maximum_inline_data_length: int = u32(16, default=0)


class CodeListHeader(Table, size=5, ref=_REF):
    """The head of the lists of bytes: supported commands (0001h), descriptors (0008h), group (000Dh)."""

    descriptor_type: ThirdPartyCopyType = u16(0)
    descriptor_length: int = u16(2)
    list_length: int = u8(4)


class CscdIdListHeader(Table, size=6, ref=_REF):
    """The head of the list of CSCD descriptor identifiers above 07FFh (000Ch)."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.SUPPORTED_CSCD_DESCRIPTOR_IDS)
    descriptor_length: int = u16(2)
    list_length: int = u16(4)


class RodTokenFeaturesHeader(Table, size=48, ref=_REF):
    """Limits of ROD tokens (0106h), in seconds; descriptors for each kind of device follow."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.ROD_TOKEN_FEATURES)
    descriptor_length: int = u16(2, default=0x2C)
    remote_tokens: int = bits(4, 3, 0, default=0)
    minimum_token_lifetime: int = u32(16, default=0)
    maximum_token_lifetime: int = u32(20, default=0)
    maximum_token_inactivity_timeout: int = u32(24, default=0)
    rod_device_type_specific_features_descriptors_length: int = u16(46, default=0)


class BlockRodFeatures(Table, size=48, ref=_REF):
    """What of 0106h holds for disks."""

    peripheral_device_type: int = bits(0, 4, 0, default=0)
    descriptor_length: int = u16(2, default=0x2C)
    optimal_block_rod_length_granularity: int = u16(6, default=0)
    maximum_bytes_in_block_rod: int = u64(8, default=0)
    optimal_bytes_in_block_rod_transfer: int = u64(16, default=0)
    optimal_bytes_to_token_per_segment: int = u64(24, default=0)
    optimal_bytes_from_token_per_segment: int = u64(32, default=0)


class StreamRodFeatures(Table, size=48, ref=_REF):
    """What of 0106h holds for tapes."""

    peripheral_device_type: int = bits(0, 4, 0, default=1)
    descriptor_length: int = u16(2, default=0x2C)
    maximum_bytes_in_stream_rod: int = u64(8, default=0)
    optimal_bytes_in_stream_rod_transfer: int = u64(16, default=0)
    optimal_bytes_to_token_per_segment: int = u64(24, default=0)
    optimal_bytes_from_token_per_segment: int = u64(32, default=0)


class RodTypesHeader(Table, size=8, ref=_REF):
    """The head of the list of ROD types (0108h)."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.SUPPORTED_ROD_TYPES)
    descriptor_length: int = u16(2)
    rod_type_descriptors_length: int = u16(6)


class RodType(Table, size=64, ref=_REF):
    """A type of ROD, and what can be done with it."""

    rod_type: int = u32(0)
    ecpy_int: bool = bit(4, 7, default=False, title="ECPY_INT")
    token_in: bool = bit(4, 1, default=False, title="TOKEN_IN")
    token_out: bool = bit(4, 0, default=False, title="TOKEN_OUT")
    preference_indicator: int = u16(6, default=0)


class GeneralCopyOperations(Table, size=36, ref=_REF):
    """Limits of all copies (8001h). Granularities are powers of two, a segment length of 0 no limit."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.GENERAL_COPY_OPERATIONS)
    descriptor_length: int = u16(2, default=0x20)
    total_concurrent_copies: int = u32(4, default=0)
    maximum_identified_concurrent_copies: int = u32(8, default=0)
    maximum_segment_length: int = u32(12, default=0)
    data_segment_granularity: int = u8(16, default=0)
    inline_data_granularity: int = u8(17, default=0)


class StreamCopyOperations(Table, size=16, ref=_REF):
    """Limits of copies from and to streams (9101h)."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.STREAM_COPY_OPERATIONS)
    descriptor_length: int = u16(2, default=0x0C)
    maximum_stream_device_transfer_size: int = u32(4, default=0)


class HeldDataDescriptor(Table, size=32, ref=_REF):
    """Limits of held data (C001h)."""

    descriptor_type: ThirdPartyCopyType = u16(0, default=ThirdPartyCopyType.HELD_DATA)
    descriptor_length: int = u16(2, default=0x1C)
    held_data_limit: int = u32(4, default=0)
    held_data_granularity: int = u8(8, default=0)


class ThirdPartyCopyDescriptor(NamedTuple):
    """A descriptor of any type: its code and all its bytes."""

    descriptor_type: int
    data: bytes


def decode_third_party_copy(data: bytes) -> tuple[tuple[ThirdPartyCopyDescriptor, ...], bytes]:
    """The descriptors of page 8Fh, and the bytes of one that is cut. Raises DecodeError or ValueError."""
    body = decode_page(VpdPage.THIRD_PARTY_COPY, data)
    records, rest = split_records(
        body, ThirdPartyCopyDescriptorHeader, lambda item: 4 + item.descriptor_length
    )
    found = tuple(
        ThirdPartyCopyDescriptor(item.head.descriptor_type, body[item.at : item.at + 4 + len(item.body)])
        for item in records
    )
    return found, rest


def encode_third_party_copy(descriptors: Iterable[bytes], *, peripheral_device_type: int = 0) -> bytes:
    """Page 8Fh of these descriptors, each as its encoder made it. Raises EncodeError."""
    return encode_page(
        VpdPage.THIRD_PARTY_COPY, b"".join(descriptors), peripheral_device_type=peripheral_device_type
    )


def encode_code_list(descriptor_type: ThirdPartyCopyType, codes: bytes) -> bytes:
    """A descriptor of bytes behind their number, padded to a multiple of four. Raises EncodeError."""
    length = (1 + len(codes) + 3) // 4 * 4
    head = CodeListHeader(descriptor_type=descriptor_type, descriptor_length=length, list_length=len(codes))
    return (head.encode() + codes).ljust(4 + length, b"\0")


def decode_code_list(descriptor: bytes) -> bytes:
    """The bytes in such a descriptor, as far as they are there. Raises DecodeError below five."""
    return bytes(descriptor[CodeListHeader.SIZE :][: CodeListHeader.decode(descriptor).list_length])


class SupportedCommand(NamedTuple):
    """An operation code and the service actions that go with it."""

    operation_code: int
    service_actions: tuple[int, ...]

    def encode(self) -> bytes:
        """The code, the number of service actions, and they."""
        return bytes((self.operation_code, len(self.service_actions), *self.service_actions))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """One command from the front of a list. Raises DecodeError below two bytes."""
        if len(data) < 2:
            raise DecodeError(
                f"a supported command ({_REF}) has at least 2 bytes, only {len(data)} are there"
            )
        return cls(data[0], tuple(data[2:][: data[1]]))


def encode_supported_commands(commands: Iterable[SupportedCommand]) -> bytes:
    """The descriptor 0001h. Raises EncodeError."""
    return encode_code_list(
        ThirdPartyCopyType.SUPPORTED_COMMANDS, b"".join(command.encode() for command in commands)
    )


def decode_supported_commands(descriptor: bytes) -> tuple[SupportedCommand, ...]:
    """The commands in descriptor 0001h, as far as they are there. Raises DecodeError below five bytes."""
    codes = decode_code_list(descriptor)
    found = []
    while len(codes) >= 2:
        found.append(SupportedCommand.decode(codes))
        codes = codes[2 + codes[1] :]
    return tuple(found)


def encode_cscd_ids(identifiers: Iterable[int]) -> bytes:
    """The descriptor 000Ch, padded to a multiple of four. Raises EncodeError."""
    body = b"".join(identifier.to_bytes(2) for identifier in identifiers)
    length = (2 + len(body) + 3) // 4 * 4
    return (CscdIdListHeader(descriptor_length=length, list_length=len(body)).encode() + body).ljust(
        4 + length, b"\0"
    )


def decode_cscd_ids(descriptor: bytes) -> tuple[int, ...]:
    """The identifiers in descriptor 000Ch, as far as they are there. Raises DecodeError below six."""
    body = descriptor[CscdIdListHeader.SIZE :][: CscdIdListHeader.decode(descriptor).list_length]
    return tuple(int.from_bytes(body[at : at + 2]) for at in range(0, len(body) - 1, 2))


def encode_rod_types(types: Iterable[RodType]) -> bytes:
    """The descriptor 0108h. Raises EncodeError."""
    body = b"".join(item.encode() for item in types)
    head = RodTypesHeader(descriptor_length=4 + len(body), rod_type_descriptors_length=len(body))
    return head.encode() + body


def decode_rod_types(descriptor: bytes) -> tuple[RodType, ...]:
    """The ROD types in descriptor 0108h, as far as they are there. Raises DecodeError below eight."""
    length = RodTypesHeader.decode(descriptor).rod_type_descriptors_length
    return split_tables(descriptor[RodTypesHeader.SIZE :][:length], RodType)[0]
