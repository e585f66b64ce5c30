"""Virtual disks: direct access block devices on a medium (SBC-3).

``unit`` is the disk and its state, ``commands`` its command table; each of the other modules has the
handlers of one family of commands.
"""

from threepce.emulator.disk.unit import Disk

__all__ = ["Disk"]
