"""The copy agent: takes copy requests and drives third-party copy managers with them.

`CopyAgent` is the Python interface; the seed's own, `gen_ex_copy`, is in the module of that name.
"""

from threepce.agent.agent import CopyAgent, PreparedCopy
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    CopyAborted,
    CopyResults,
    InvalidRequest,
    NoDesignator,
    NotACopyManager,
    UnexpectedAnswer,
)
from threepce.agent.executor import Patience
from threepce.agent.report import CopyReport, How, Position, Segment, SegmentReport
from threepce.agent.request import CopyRequest, Device, Disk, Extent, Filemarks, Inline, Part, Stretch, Tape

__all__ = [
    "AgentError",
    "CannotBuildCommand",
    "CommandFailed",
    "CopyAborted",
    "CopyAgent",
    "CopyReport",
    "CopyRequest",
    "CopyResults",
    "Device",
    "Disk",
    "Extent",
    "Filemarks",
    "How",
    "Inline",
    "InvalidRequest",
    "NoDesignator",
    "NotACopyManager",
    "Part",
    "Patience",
    "Position",
    "PreparedCopy",
    "Segment",
    "SegmentReport",
    "Stretch",
    "Tape",
    "UnexpectedAnswer",
]
