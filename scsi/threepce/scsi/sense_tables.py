"""The tables of sense data: both formats, the descriptors, the sense-key specific bytes (SPC-4 4.5).

Only layouts live here. What they say together is the value in ``sense``; which of the three-byte
forms the sense-key specific bytes have depends on the sense key (SPC-4 4.5.2.4.1).
"""

from __future__ import annotations

from enum import IntEnum

from threepce.scsi.layout import Table, bit, bits, u8, u16, u32, u64

__all__ = [
    "ActualRetryCount",
    "BlockCommandsDescriptor",
    "DescriptorSense",
    "EightByteDescriptor",
    "EmbeddedAnswer",
    "FieldReplaceableUnitDescriptor",
    "FixedSense",
    "ForwardedSenseDescriptor",
    "ProgressIndication",
    "SenseDescriptorType",
    "SenseKey",
    "SenseKeySpecificDescriptor",
    "StreamDescriptor",
    "UnitAttentionQueueOverflow",
]


class SenseKey(IntEnum):
    """SPC-4 4.5.6: the kind of trouble."""

    NO_SENSE = 0x0
    RECOVERED_ERROR = 0x1
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    BLANK_CHECK = 0x8
    VENDOR_SPECIFIC = 0x9
    COPY_ABORTED = 0xA
    ABORTED_COMMAND = 0xB
    VOLUME_OVERFLOW = 0xD
    MISCOMPARE = 0xE
    COMPLETED = 0xF

    @property
    def text(self) -> str:
        """The name as T10 writes it."""
        return self.name.replace("_", " ")


class SenseDescriptorType(IntEnum):
    """SPC-4 table 28: the first byte of a sense data descriptor."""

    INFORMATION = 0x00
    COMMAND_SPECIFIC_INFORMATION = 0x01
    SENSE_KEY_SPECIFIC = 0x02
    FIELD_REPLACEABLE_UNIT = 0x03
    STREAM_COMMANDS = 0x04
    BLOCK_COMMANDS = 0x05
    FORWARDED_SENSE = 0x0C

    @property
    def text(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ").lower()


class FixedSense(Table, size=18, ref="SPC-4 4.5.3"):
    """Sense data in fixed format, up to the additional sense bytes."""

    valid: bool = bit(0, 7, default=False)
    response_code: int = bits(0, 6, 0, default=0x70)
    filemark: bool = bit(2, 7, default=False)
    eom: bool = bit(2, 6, default=False)
    ili: bool = bit(2, 5, default=False)
    sdat_ovfl: bool = bit(2, 4, default=False, title="SDAT_OVFL")
    sense_key: int = bits(2, 3, 0, default=0)
    information: int = u32(3, default=0)
    additional_sense_length: int = u8(7, default=10)
    command_specific_information: int = u32(8, default=0, title="COMMAND-SPECIFIC INFORMATION")
    additional_sense_code: int = u8(12, default=0)
    additional_sense_code_qualifier: int = u8(13, default=0)
    field_replaceable_unit_code: int = u8(14, default=0)
    sksv: bool = bit(15, 7, default=False)
    command_data: bool = bit(15, 6, default=False, title="C/D")
    segment_descriptor: bool = bit(15, 5, default=False, title="SD")
    bpv: bool = bit(15, 3, default=False)
    bit_pointer: int = bits(15, 2, 0, default=0)
    field_pointer: int = u16(16, default=0)


class DescriptorSense(Table, size=8, ref="SPC-4 4.5.2.1"):
    """The head of sense data in descriptor format."""

    response_code: int = bits(0, 6, 0, default=0x72)
    sense_key: int = bits(1, 3, 0, default=0)
    additional_sense_code: int = u8(2, default=0)
    additional_sense_code_qualifier: int = u8(3, default=0)
    sdat_ovfl: bool = bit(4, 7, default=False, title="SDAT_OVFL")
    additional_sense_length: int = u8(7, default=0)


class EightByteDescriptor(Table, size=12, ref="SPC-4 4.5.2.2, 4.5.2.3"):
    """The information (00h) and the command-specific information (01h) sense data descriptor."""

    descriptor_type: int = u8(0)
    additional_length: int = u8(1, default=0x0A)
    valid: bool = bit(2, 7, default=False)
    value: int = u64(4)


class SenseKeySpecificDescriptor(Table, size=8, ref="SPC-4 4.5.2.4"):
    """The sense key specific sense data descriptor (02h)."""

    descriptor_type: int = u8(0, default=0x02)
    additional_length: int = u8(1, default=0x06)
    sksv: bool = bit(4, 7, default=False)
    command_data: bool = bit(4, 6, default=False, title="C/D")
    segment_descriptor: bool = bit(4, 5, default=False, title="SD")
    bpv: bool = bit(4, 3, default=False)
    bit_pointer: int = bits(4, 2, 0, default=0)
    field_pointer: int = u16(5, default=0)


class StreamDescriptor(Table, size=4, ref="SPC-4 4.5.2.6 and SSC-3"):
    """The stream commands sense data descriptor (04h)."""

    descriptor_type: int = u8(0, default=0x04)
    additional_length: int = u8(1, default=0x02)
    filemark: bool = bit(3, 7, default=False)
    eom: bool = bit(3, 6, default=False)
    ili: bool = bit(3, 5, default=False)


class FieldReplaceableUnitDescriptor(Table, size=4, ref="SPC-4 4.5.2.5"):
    """The field replaceable unit sense data descriptor (03h)."""

    descriptor_type: int = u8(0, default=0x03)
    additional_length: int = u8(1, default=0x02)
    field_replaceable_unit_code: int = u8(3)


class BlockCommandsDescriptor(Table, size=4, ref="SPC-4 4.5.2.1 and SBC-3 4.18.3"):
    """The block commands sense data descriptor (05h)."""

    descriptor_type: int = u8(0, default=0x05)
    additional_length: int = u8(1, default=0x02)
    ili: bool = bit(3, 5, default=False)


class ForwardedSenseDescriptor(Table, size=4, ref="SPC-4 4.5.2.9"):
    """The head of the forwarded sense data descriptor (0Ch); the sense data of the device follows.

    What SOURCE numbers is read in two ways: see ``sense.ForwardedSource``.
    """

    descriptor_type: int = u8(0, default=0x0C)
    additional_length: int = u8(1, default=0x02)
    fsdt: bool = bit(2, 7, default=False)
    source: int = bits(2, 3, 0)
    forwarded_status: int = u8(3)


class EmbeddedAnswer(Table, size=1, ref="SPC-4 5.17.7.4"):
    """What stands before the sense data of a device that fixed format embeds."""

    status: int = u8(0)


class ActualRetryCount(Table, size=3, ref="SPC-4 4.5.2.4.3"):
    """The sense-key specific bytes of HARDWARE, MEDIUM and RECOVERED ERROR."""

    sksv: bool = bit(0, 7, default=False)
    actual_retry_count: int = u16(1)


class ProgressIndication(Table, size=3, ref="SPC-4 4.5.2.4.4"):
    """The sense-key specific bytes of NO SENSE and NOT READY: how much of 65,536 is done."""

    sksv: bool = bit(0, 7, default=False)
    progress_indication: int = u16(1)


class UnitAttentionQueueOverflow(Table, size=3, ref="SPC-4 4.5.2.4.6"):
    """The sense-key specific bytes of UNIT ATTENTION: whether conditions were lost."""

    sksv: bool = bit(0, 7, default=False)
    overflow: bool = bit(0, 0, default=False)
