"""A profile: what an engine is. Identity, limits, and how it differs from the standard.

Profiles are small YAML files that inherit from one another; those the package ships lie in
``profiles/``. ``loading`` turns a file into ``values`` and ``copy_behaviour``, ``checks`` refuses
what cannot be; what the values do is the business of the units and of the copy manager.
"""

from threepce.emulator.profile.copy_behaviour import (
    SPC_4,
    AbortAnswer,
    ActsFor,
    BytesCounted,
    CopyBehaviour,
    DeviceSenseForm,
    FailureDetailsFor,
    OperatingParametersReply,
    ReceivingUnit,
    ResultsGo,
    Rule,
    SegmentsChecked,
    SegmentsCounted,
    SegmentSense,
    TooManyCopies,
    WorkingLength,
)
from threepce.emulator.profile.errors import ProfileError
from threepce.emulator.profile.loading import LoadedProfile, available_profiles, load, load_profile
from threepce.emulator.profile.values import (
    Deviation,
    DiskBehaviour,
    Identity,
    Profile,
    ReservedBits,
    ShortData,
    UnitBehaviour,
)

__all__ = [
    "SPC_4",
    "AbortAnswer",
    "ActsFor",
    "BytesCounted",
    "CopyBehaviour",
    "Deviation",
    "DeviceSenseForm",
    "DiskBehaviour",
    "FailureDetailsFor",
    "Identity",
    "LoadedProfile",
    "OperatingParametersReply",
    "Profile",
    "ProfileError",
    "ReceivingUnit",
    "ReservedBits",
    "ResultsGo",
    "Rule",
    "SegmentSense",
    "SegmentsChecked",
    "SegmentsCounted",
    "ShortData",
    "TooManyCopies",
    "UnitBehaviour",
    "WorkingLength",
    "available_profiles",
    "load",
    "load_profile",
]
