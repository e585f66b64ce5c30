"""Mode page 0Eh, in which engines of T10/99-143r1 tell the limits of their copy manager.

That there is such a page, and what it tells, is known; its layout is not, so the one of
``threepce.scsi.copy_results_143`` is ours. Later dialects have RECEIVE COPY OPERATING PARAMETERS.
"""

from __future__ import annotations

from threepce.emulator.mode_parameters import PageDefinition
from threepce.emulator.profile import Profile
from threepce.scsi.copy_results_143 import CopyManagerPageLayout
from threepce.scsi.dialect import Dialect

__all__ = ["copy_manager_pages"]

HEADER = 2


def copy_manager_pages(profile: Profile) -> list[PageDefinition]:
    """The page, if the engine speaks T10/99-143r1 or has it all the same; nothing in it can be changed."""
    copies = profile.copy_manager
    if Dialect.T10_99_143 not in copies.dialects and not copies.limits_in_mode_page:
        return []
    page = CopyManagerPageLayout().encode(profile.operating_parameters)
    return [PageDefinition(page, page[:HEADER] + bytes(len(page) - HEADER))]
