"""Input from outside never causes a traceback: any bytes end within the rules on a tape drive too."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.emulator.tape import TapeDrive
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

OPERATION_CODES = sorted({command.cdb.OPCODE for command in TapeDrive.command_table(load_profile("spc4"))})
interesting = st.sampled_from([0, 0, 0, 1, 2, 8, 0x10, 0x80, 0xFF]) | st.integers(0, 255)
ROOM = 1 << 16


@given(
    commands=st.lists(
        st.tuples(
            st.sampled_from(OPERATION_CODES),
            st.lists(interesting, min_size=15, max_size=15),
            st.integers(0, 16),
            st.binary(max_size=64),
            st.integers(0, ROOM),
        ),
        min_size=1,
        max_size=12,
    ),
    block_length=st.sampled_from([0, 4]),
)
@settings(max_examples=1500, deadline=None)
def test_any_commands_end_within_the_rules(
    commands: list[tuple[int, list[int], int, bytes, int]], block_length: int
) -> None:
    """SAM-5 5.3: a status, with sense data where there is CHECK CONDITION, and never more data than there is room for."""
    san = San(load_profile("spc4"))
    cartridges = [memory_cartridge(partitions=2, capacity=200, early_warning=50), memory_cartridge()]
    lun = san.add_tape("tape", cartridges=cartridges, block_length=block_length)
    nexus = san.nexus()

    for code, fields, cut, data, room in commands:
        answer = nexus.execute(lun, bytes((code, *fields))[: 16 - cut], data, room)
        assert answer.status in (Status.GOOD, Status.CHECK_CONDITION)
        assert (answer.status == Status.CHECK_CONDITION) == (Sense.decode(answer.sense) is not None)
        assert len(answer.data_in) <= room
    san.close()
