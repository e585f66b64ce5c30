"""The log pages of a tape drive (SSC-3 8.2, SPC-4 7.3).

    02h 03h  errors of writing and reading
    0Ch      sequential access: bytes, and capacities in units of 10**6 bytes
    17h      volume statistics, of the cartridge in the drive since it was put in
    2Eh      TapeAlert; a flag that was read is down again
    31h      tape capacity in MiB, as LTO drives have it: of partition 0 and of partition 1

A cartridge without a capacity has zeros for it. No count outlives the process.
"""

from __future__ import annotations

from collections.abc import Mapping

from threepce.emulator.command import Invocation
from threepce.emulator.log_pages import BOUNDED_COUNTER, COUNTER_LENGTH, Pages, log_commands
from threepce.emulator.tape.unit import TapeDrive, drive_of
from threepce.scsi.log import LogParameter

__all__ = ["TAPE_LOG_COMMANDS"]

MEGABYTE, MEBIBYTE = 10**6, 1 << 20
ALERTS = range(0x01, 0x41)
ERROR_COUNTERS = (0x03, 0x05, 0x06)
"""SPC-4 7.3.6: errors corrected, bytes processed, errors not corrected."""


def _parameters(values: Mapping[int, int], length: int) -> tuple[LogParameter, ...]:
    return tuple(LogParameter.of(code, value.to_bytes(length)) for code, value in sorted(values.items()))


def tape_log_pages(invocation: Invocation) -> Pages:
    """The pages as they are now."""
    drive = drive_of(invocation)
    return {
        0x02: lambda: _errors(drive.statistics.written, drive.statistics.write_errors),
        0x03: lambda: _errors(drive.statistics.read, drive.statistics.read_errors),
        0x0C: lambda: _sequential_access(drive),
        0x17: lambda: _volume_statistics(drive),
        0x2E: lambda: _alerts(drive),
        0x31: lambda: _capacity(drive),
    }


def _errors(processed: int, failed: int) -> tuple[LogParameter, ...]:
    return tuple(
        LogParameter.of(code, value.to_bytes(COUNTER_LENGTH), format_and_linking=BOUNDED_COUNTER)
        for code, value in zip(ERROR_COUNTERS, (0, processed, failed), strict=True)
    )


def _sequential_access(drive: TapeDrive) -> tuple[LogParameter, ...]:
    total, tape = drive.statistics, drive.loaded
    values = {0x00: total.written, 0x01: total.written, 0x02: total.read, 0x03: total.read, 0x100: 0}
    if tape is not None:
        recording, cartridge = tape.recording, tape.cartridge
        values |= {
            0x04: recording.bytes_before(recording.objects) // MEGABYTE,
            0x05: max(cartridge.capacity - cartridge.early_warning, 0) // MEGABYTE,
            0x06: cartridge.early_warning // MEGABYTE,
            0x07: tape.used // MEGABYTE,
        }
    return _parameters(values, COUNTER_LENGTH)


def _volume_statistics(drive: TapeDrive) -> tuple[LogParameter, ...]:
    mount, cartridge = drive.mount, drive.cartridge
    values = {0x00: int(cartridge is not None)}
    if cartridge is not None:
        used = sum(part.bytes_before(part.objects) for part in cartridge.partitions)
        values |= {
            0x01: mount.loads,
            0x04: mount.write_errors,
            0x09: mount.read_errors,
            0x0C: mount.write_errors,
            0x0D: mount.read_errors,
            0x0E: mount.written // MEGABYTE,
            0x0F: mount.read // MEGABYTE,
            0x16: cartridge.capacity * len(cartridge.partitions) // MEGABYTE,
            0x17: used // MEGABYTE,
        }
    return _parameters(values, COUNTER_LENGTH)


def _alerts(drive: TapeDrive) -> tuple[LogParameter, ...]:
    raised = drive.mount.alerts
    parameters = tuple(LogParameter.of(code, bytes((code in raised,))) for code in ALERTS)
    raised.clear()
    return parameters


def _capacity(drive: TapeDrive) -> tuple[LogParameter, ...]:
    capacity, used = 0, [0, 0]
    if (cartridge := drive.cartridge) is not None:
        capacity = cartridge.capacity
        used = [part.bytes_before(part.objects) for part in cartridge.partitions][:2]
    second = capacity if len(used) > 1 else 0
    remaining = [max(whole - taken, 0) for whole, taken in zip((capacity, second), (*used, 0), strict=False)]
    values = dict(enumerate((value // MEBIBYTE for value in (*remaining, capacity, second)), 1))
    return _parameters({code: min(value, 0xFFFFFFFF) for code, value in values.items()}, 4)


TAPE_LOG_COMMANDS = log_commands(tape_log_pages)
