"""The copy agent: takes copy requests and drives third-party copy managers with them.

`CopyAgent` is the Python interface; the seed's own, `gen_ex_copy`, is in the module of that name.
"""

from threepce.agent.agent import CopyAgent, PreparedCopy
from threepce.agent.engine import Engine
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    CopyAborted,
    CopyCancelled,
    CopyResults,
    InvalidRequest,
    NoDesignator,
    NotACopyManager,
    OutcomeUnknown,
    UnexpectedAnswer,
    VerificationFailed,
)
from threepce.agent.executor import Patience
from threepce.agent.report import CopyReport, How, Position, Progress, Segment, SegmentReport
from threepce.agent.request import CopyRequest, Device, Disk, Extent, Filemarks, Inline, Part, Stretch, Tape

__all__ = [
    "AgentError",
    "CannotBuildCommand",
    "CommandFailed",
    "CopyAborted",
    "CopyAgent",
    "CopyCancelled",
    "CopyReport",
    "CopyRequest",
    "CopyResults",
    "Device",
    "Disk",
    "Engine",
    "Extent",
    "Filemarks",
    "How",
    "Inline",
    "InvalidRequest",
    "NoDesignator",
    "NotACopyManager",
    "OutcomeUnknown",
    "Part",
    "Patience",
    "Position",
    "PreparedCopy",
    "Progress",
    "Segment",
    "SegmentReport",
    "Stretch",
    "Tape",
    "UnexpectedAnswer",
    "VerificationFailed",
]
