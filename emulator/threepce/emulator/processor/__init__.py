"""Processor devices: units that take messages and give them back in order (SPC-2)."""

from threepce.emulator.processor.unit import Processor

__all__ = ["Processor"]
