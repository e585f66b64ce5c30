"""The control socket: what a person or a test does to an emulator that runs, beside the SCSI commands.

``operations`` are what can be asked, ``protocol`` is how it is asked in lines of JSON, ``server``
answers on a socket of the file system, ``client`` asks. The server's process may use
``Control(san)`` as well, without any socket.
"""

from threepce.emulator.control.client import ControlClient, ControlError, ControlLost
from threepce.emulator.control.operations import Control, Refused

__all__ = ["Control", "ControlClient", "ControlError", "ControlLost", "Refused"]
