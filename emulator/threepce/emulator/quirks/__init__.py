"""Quirks: defects of copy engines that lose data or hide what fails, on demand, for testing agents.

A profile, a SAN or `3pce serve --quirk` names them. ``base`` says where the copy manager consults
them; an engine without any does not.
"""

from threepce.emulator.quirks.base import Quirk, Quirks
from threepce.emulator.quirks.catalogue import quirk_names, quirks_named, with_quirks

__all__ = ["Quirk", "Quirks", "quirk_names", "quirks_named", "with_quirks"]
