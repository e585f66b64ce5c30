"""What a tape drive says of itself: its mode pages (SSC-3 8.3)."""

from __future__ import annotations

from threepce.emulator.mode_parameters import PageDefinition
from threepce.emulator.profile import Profile
from threepce.scsi.mode_pages import (
    ControlModePage,
    DataCompressionModePage,
    DeviceConfigurationModePage,
)

__all__ = ["mode_pages"]

STAYS_ON_RESET = 0b10
"""REWIND ON RESET: a reset does not change the position (SSC-3 8.3.3)."""


def mode_pages(profile: Profile) -> list[PageDefinition]:
    """Control, data compression and device configuration.

    DCE and DDE can be set and mean nothing: blocks are kept as they came.
    """
    return [
        PageDefinition(ControlModePage(), ControlModePage(d_sense=True, swp=True)),
        PageDefinition(
            DataCompressionModePage(dcc=True, dde=True),
            DataCompressionModePage(
                dce=True, dde=True, compression_algorithm=0xFFFFFFFF, decompression_algorithm=0xFFFFFFFF
            ),
        ),
        PageDefinition(
            DeviceConfigurationModePage(lois=True, sew=True, rewind_on_reset=STAYS_ON_RESET),
            DeviceConfigurationModePage(swp=True),
        ),
    ]
