"""The virtual SAN: logical units, media and a third-party copy manager, in software.

san = San(load_profile("spc4"))
lun = san.add_disk("source", block_length=512, blocks=4096)
nexus = san.nexus("host")
nexus.execute(lun, bytes(6))
"""

from threepce.emulator.clock import VirtualClock
from threepce.emulator.medium import FileMedium, Medium, MemoryMedium
from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.profile import Profile, ProfileError, available_profiles, load_profile
from threepce.emulator.san import San
from threepce.emulator.trace import Trace, TraceRecord

__all__ = [
    "EmulatorNexus",
    "FileMedium",
    "Medium",
    "MemoryMedium",
    "Profile",
    "ProfileError",
    "San",
    "Trace",
    "TraceRecord",
    "VirtualClock",
    "available_profiles",
    "load_profile",
]
