"""The iSCSI portal in front of the virtual SAN, as an asyncio server (RFC 7143).

| module | idea |
|---|---|
| `portal` | listens; what concerns more than one connection |
| `connection`, `stream` | one initiator: its bytes, its PDUs, its commands |
| `management` | task management functions, and commands that take long |
| `access`, `limits` | who may do what, and how much of it |
| `serve` | the server of `3pce serve`: SAN file or profile, ready file, trace, signals |

PDUs, negotiation and what is legal when are `threepce.scsi.iscsi`; here are sockets and time.
"""

from threepce.emulator.portal.access import AccessRules, Initiator, Target
from threepce.emulator.portal.limits import Limits
from threepce.emulator.portal.portal import Portal

__all__ = ["AccessRules", "Initiator", "Limits", "Portal", "Target"]
