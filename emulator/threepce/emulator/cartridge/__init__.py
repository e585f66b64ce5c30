"""Cartridges: what a virtual tape is recorded on.

``recording`` says what every recording can do; a cartridge has one recording for each partition.
"""

from threepce.emulator.cartridge.recording import Recording, RecordingFault

__all__ = ["Recording", "RecordingFault"]
