"""The wire between host and guest notices whatever is not a frame of ours."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from threepce.conformance.lab.errors import LabError
from threepce.conformance.lab.frame import (
    FRAME_SIZE,
    WINDOW_SIZE,
    Frame,
    FrameError,
    Kind,
    check_body,
)
from threepce.conformance.lab.message import (
    Command,
    pack_command,
    pack_completion,
    pack_failure,
    unpack_command,
    unpack_completion,
    unpack_failure,
)
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost, TransportError

WORD = st.integers(0, 0xFFFFFFFF)
FRAMES = st.builds(
    Frame,
    kind=st.sampled_from(Kind),
    sequence=WORD,
    length=st.integers(0, WINDOW_SIZE),
    body_check=WORD,
)
BYTES = st.binary(max_size=600)


@given(FRAMES)
def test_a_frame_survives_the_line(frame: Frame) -> None:
    """Every frame fits the line and comes back as it was."""
    packed = frame.pack()

    assert FRAME_SIZE == len(packed)
    assert frame == Frame.unpack(packed)


@given(FRAMES, st.integers(0, FRAME_SIZE - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(frame: Frame, place: int, change: int) -> None:
    """A CRC finds every error within one byte."""
    packed = bytearray(frame.pack())
    packed[place] ^= change

    with pytest.raises(FrameError):
        Frame.unpack(bytes(packed))


@given(FRAMES, st.binary(min_size=1, max_size=FRAME_SIZE))
def test_text_of_the_kernel_before_a_frame_is_noticed(frame: Frame, stray: bytes) -> None:
    """Bytes that slip in shift the frame, so what is read as a frame is none."""
    read = (stray + frame.pack())[:FRAME_SIZE]
    assume(read != frame.pack())

    with pytest.raises(FrameError):
        Frame.unpack(read)


@given(BYTES, BYTES)
def test_a_body_of_another_request_is_noticed(body: bytes, other: bytes) -> None:
    """The check and the length in the frame are those of one body only."""
    assume(body != other)
    frame = Frame.for_body(Kind.DONE, 7, body)

    check_body(frame, body)
    with pytest.raises(FrameError, match="frame 7 announced"):
        check_body(frame, other)


def test_a_body_larger_than_the_window_is_refused_before_it_is_sent() -> None:
    """Half a body would be worse than none."""
    with pytest.raises(FrameError, match=f"window holds {WINDOW_SIZE}"):
        Frame.for_body(Kind.EXECUTE, 1, bytes(WINDOW_SIZE + 1))


@given(
    st.builds(
        Command,
        lun=st.integers(0, 0x3FFF),
        cdb=st.binary(max_size=260),
        data_out=BYTES,
        data_in_length=WORD,
        timeout=st.integers(0, 1 << 40),
    )
)
def test_a_command_survives_the_seam(command: Command) -> None:
    """What the guest executes is what the host was asked for."""
    assert command == unpack_command(pack_command(command))


@given(
    st.builds(
        Completion,
        status=st.integers(0, 255),
        sense=st.binary(max_size=252),
        data_in=BYTES,
        residual=st.integers(-(1 << 31), (1 << 31) - 1),
    )
)
def test_a_completion_survives_the_seam(completion: Completion) -> None:
    """Unknown status codes and negative residuals included."""
    assert completion == unpack_completion(pack_completion(completion))


@pytest.mark.parametrize("kind", [CommandTimeout, NexusLost, TransportError, LabError])
def test_an_exception_of_the_guest_is_the_same_on_the_host(kind: type[Exception]) -> None:
    """Callers tell a timeout from a lost nexus, wherever it was noticed."""
    error = unpack_failure(pack_failure(kind("because")))

    assert type(error) is kind
    assert "because" == str(error)


def test_a_surprise_in_the_guest_keeps_its_name() -> None:
    """An exception that is not of ours is a fault of the lab, told in full."""
    error = unpack_failure(pack_failure(ZeroDivisionError("division by zero")))

    assert isinstance(error, LabError)
    assert "ZeroDivisionError: division by zero" == str(error)
