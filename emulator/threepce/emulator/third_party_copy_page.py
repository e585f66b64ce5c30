"""VPD page 8Fh: what the copy manager can do, in the words of INQUIRY (SPC-4 7.8.17).

It says nothing that is not said elsewhere: the limits are those of RECEIVE COPY OPERATING
PARAMETERS, the commands those of the unit's command table.
"""

from __future__ import annotations

from threepce.emulator.command import CommandTable
from threepce.emulator.profile import Profile
from threepce.emulator.tokens.vital_product_data import token_limits, token_types
from threepce.scsi.third_party_copy import PopulateToken
from threepce.scsi.vpd_third_party_copy import (
    GeneralCopyOperations,
    HeldDataDescriptor,
    StreamCopyOperations,
    SupportedCommand,
    ThirdPartyCopyParameters,
    ThirdPartyCopyType,
    encode_code_list,
    encode_cscd_ids,
    encode_supported_commands,
    encode_third_party_copy,
)

__all__ = ["third_party_copy_page"]

THIRD_PARTY_COPY_CODES = (0x83, 0x84)


def third_party_copy_page(commands: CommandTable, profile: Profile, device_type: int) -> bytes:
    """The page with its header; descriptors in the order of their types, as the clause asks for."""
    limits = profile.operating_parameters
    supported = [
        SupportedCommand(
            code,
            tuple(
                command.cdb.SERVICE_ACTION
                for command in commands
                if code == command.cdb.OPCODE and command.cdb.SERVICE_ACTION is not None
            ),
        )
        for code in THIRD_PARTY_COPY_CODES
    ]
    # The limits 0000h are of POPULATE TOKEN and of WRITE USING TOKEN (SBC-3), which a tape has not.
    takes_tokens = any(command.cdb is PopulateToken for command in commands)
    descriptors = [
        *(token_limits(profile) if takes_tokens else []),
        encode_supported_commands(supported),
        ThirdPartyCopyParameters(
            maximum_cscd_descriptor_count=limits.maximum_cscd_descriptor_count,
            maximum_segment_descriptor_count=limits.maximum_segment_descriptor_count,
            maximum_descriptor_list_length=limits.maximum_descriptor_list_length,
            maximum_inline_data_length=limits.maximum_inline_data_length,
        ).encode(),
        encode_code_list(
            ThirdPartyCopyType.SUPPORTED_DESCRIPTORS, bytes(sorted(limits.implemented_descriptors))
        ),
        *_special_cscd_ids(profile),
        *token_types(profile),
        GeneralCopyOperations(
            total_concurrent_copies=limits.total_concurrent_copies,
            maximum_identified_concurrent_copies=limits.maximum_concurrent_copies,
            maximum_segment_length=limits.maximum_segment_length,
            data_segment_granularity=limits.data_segment_granularity,
            inline_data_granularity=limits.inline_data_granularity,
        ).encode(),
    ]
    if limits.maximum_stream_device_transfer_size:
        descriptors.append(
            StreamCopyOperations(
                maximum_stream_device_transfer_size=limits.maximum_stream_device_transfer_size
            ).encode()
        )
    if limits.held_data_limit:
        descriptors.append(
            HeldDataDescriptor(
                held_data_limit=limits.held_data_limit, held_data_granularity=limits.held_data_granularity
            ).encode()
        )
    return encode_third_party_copy(descriptors, peripheral_device_type=device_type)


def _special_cscd_ids(profile: Profile) -> list[bytes]:
    """The identifiers above 07FFh that segments may name, where there are any."""
    known = profile.copy_manager.special_cscd_ids
    return [encode_cscd_ids(sorted(known))] if known else []
