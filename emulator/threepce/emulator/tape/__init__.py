"""Virtual tape drives: sequential-access devices with a cartridge (SSC-3).

``unit`` is the drive and its state, ``transport`` a loaded cartridge and where it stands, ``motion``
how far a movement gets, ``events`` what there is to tell about it; ``commands`` is the command table,
and each of the other modules has the handlers of one family of commands.
"""

from threepce.emulator.tape.unit import TapeDrive

__all__ = ["TapeDrive"]
