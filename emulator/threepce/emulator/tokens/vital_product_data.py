"""What VPD page 8Fh says of tokens (SPC-4 7.8.17): what the profile says, in the words of the page."""

from __future__ import annotations

from threepce.emulator.profile import Profile
from threepce.scsi.cscd import CscdType
from threepce.scsi.vpd_third_party_copy import (
    BlockDeviceRodTokenLimits,
    BlockRodFeatures,
    RodTokenFeaturesHeader,
    RodType,
    encode_rod_types,
)

__all__ = ["token_limits", "token_types"]

NO_REMOTE_TOKENS = 0


def token_limits(profile: Profile) -> list[bytes]:
    """The descriptor 0000h; none where there are no tokens."""
    tokens = profile.tokens
    if not tokens.rod_types:
        return []
    limits = BlockDeviceRodTokenLimits(
        maximum_range_descriptors=tokens.maximum_range_descriptors,
        maximum_inactivity_timeout=tokens.maximum_inactivity_timeout,
        default_inactivity_timeout=tokens.default_inactivity_timeout,
        maximum_token_transfer_size=tokens.maximum_token_transfer_size,
        optimal_transfer_count=tokens.optimal_transfer_count,
    )
    return [limits.encode()]


def token_types(profile: Profile) -> list[bytes]:
    """The descriptors 0106h and 0108h; none where there are no tokens."""
    tokens = profile.tokens
    if not tokens.rod_types:
        return []
    implemented = profile.operating_parameters.implemented_descriptors
    disks = BlockRodFeatures().encode()
    features = RodTokenFeaturesHeader(
        descriptor_length=RodTokenFeaturesHeader.SIZE - 4 + len(disks),
        remote_tokens=NO_REMOTE_TOKENS,
        maximum_token_lifetime=tokens.maximum_token_lifetime,
        maximum_token_inactivity_timeout=tokens.maximum_inactivity_timeout,
        rod_device_type_specific_features_descriptors_length=len(disks),
    )
    types = [
        RodType(
            rod_type=code,
            ecpy_int=CscdType.ROD in implemented and tokens.can_make(code),
            token_in=tokens.can_use(code),
            token_out=tokens.can_make(code),
        )
        for code in sorted(tokens.rod_types)
    ]
    return [features.encode() + disks, encode_rod_types(types)]
