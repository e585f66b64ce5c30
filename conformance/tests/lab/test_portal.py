"""LIO's own portal in the guest, and the relay that brings its bytes to the host."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threepce.agent.transports.iscsi import IscsiNexus, discover
from threepce.conformance.lab import LabError
from threepce.conformance.lab.errors import GuestDied
from threepce.conformance.lab.frame import Kind
from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.message import pack_failure
from threepce.conformance.lab.relay import ROOM, GuestSockets, GuestStream
from threepce.conformance.lab.user_mode import UserModeLab
from threepce.scsi.block import Read16, Write16
from threepce.scsi.nexus import Completion, TransportError

MIB = 1 << 20


class Guest:
    """The guest's end of the relay, used right here."""

    def __init__(self) -> None:
        self.sockets = GuestSockets()
        self.exchanges = 0
        self.dead = False

    def request(self, kind: Kind, body: bytes, limit: float, what: str) -> tuple[Kind, bytes]:
        assert kind == Kind.STREAM
        if self.dead:
            raise TransportError("the guest is gone")
        self.exchanges += 1
        try:
            return Kind.DONE, self.sockets.exchange(body)
        except KeyError as error:
            return Kind.FAILED, pack_failure(error)

    def control(self, request: str, **values: Any) -> Any:
        if request == "close_stream":
            return self.sockets.close(**values)
        try:
            return self.sockets.open(**values)
        except OSError as error:
            raise LabError(str(error)) from error


@pytest.fixture
def ends() -> Iterator[tuple[Guest, GuestStream, socket.socket]]:
    """A guest, a connection in it seen from the host, and who has accepted it."""
    guest = Guest()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = GuestStream(guest.request, guest.control, listener.getsockname(), 5.0)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(5)
            yield guest, stream, peer
            stream.close()


def test_what_is_sent_leaves_with_the_wait_for_an_answer(
    ends: tuple[Guest, GuestStream, socket.socket],
) -> None:
    guest, stream, peer = ends
    room = memoryview(bytearray(4))
    peer.sendall(b"answer")

    assert 8 == stream.sendmsg([b"ques", b"tion"])
    assert 0 == guest.exchanges
    assert 4 == stream.recv_into(room)
    assert b"answ" == bytes(room)
    assert b"question" == peer.recv(100)
    assert stream.has_news()
    assert 2 == stream.recv_into(room)
    assert 1 == guest.exchanges


def test_a_great_deal_of_data_goes_in_parts(ends: tuple[Guest, GuestStream, socket.socket]) -> None:
    guest, stream, peer = ends
    data = os.urandom(ROOM // 2 + 5)
    received = bytearray()

    def read() -> None:
        while len(received) < len(data):
            received.extend(peer.recv(MIB))

    reader = threading.Thread(target=read)
    reader.start()
    assert len(data) == stream.sendmsg([data])
    reader.join(5)

    assert data == received
    assert 2 == guest.exchanges


def test_silence_is_a_timeout_and_the_end_an_end(ends: tuple[Guest, GuestStream, socket.socket]) -> None:
    _, stream, peer = ends
    room = memoryview(bytearray(4))
    stream.settimeout(0.01)

    assert not stream.has_news()
    with pytest.raises(TimeoutError):
        stream.recv_into(room)
    peer.close()
    assert stream.has_news()
    assert 0 == stream.recv_into(room)


def test_a_connection_that_breaks_is_at_its_end(ends: tuple[Guest, GuestStream, socket.socket]) -> None:
    """As it is for whoever reads from a socket and gets nothing."""
    _, stream, peer = ends
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()

    stream.sendmsg([b"x"])
    assert stream.has_news()
    assert 0 == stream.recv_into(memoryview(bytearray(4)))


def test_what_the_guest_does_not_know_is_an_error_of_the_connection(
    ends: tuple[Guest, GuestStream, socket.socket],
) -> None:
    guest, stream, _ = ends
    guest.sockets.close(1)

    with pytest.raises(ConnectionResetError):
        stream.has_news()
    guest.dead = True  # closing must not mind


def test_nothing_listens() -> None:
    guest = Guest()

    with pytest.raises(OSError, match="refused"):
        GuestStream(guest.request, guest.control, ("127.0.0.1", 1), 1.0)


# The portal in the guest.


@pytest.fixture
def session(lab: UserModeLab, make_unit: Callable[..., Any]) -> Iterator[tuple[IscsiNexus, int]]:
    """A session with LIO's portal, and the LUN of a unit of 16 MiB."""
    lun = make_unit(blocks=1 << 15).lun
    with IscsiNexus(f"{lab.open_portal()}/{lun}", connect=lab.connect) as nexus:
        for _ in range(3):
            nexus.execute(lun, bytes(6))
        yield nexus, lun


def test_the_portal_tells_its_target(lab: UserModeLab) -> None:
    name = lab.open_portal().rpartition("/")[2]

    assert [name] == [target.name for target in discover("127.0.0.1", connect=lab.connect)]


@pytest.mark.parametrize("blocks", [1, 15, 16, 17, 127, 128, 129, 511, 512, 513, 1023, 2048, 2049])
def test_data_of_every_length_around_what_was_agreed(session: tuple[IscsiNexus, int], blocks: int) -> None:
    """LIO: bursts of 256 KiB, of which the first has 64 KiB, and no data unasked but immediate."""
    nexus, lun = session
    data = os.urandom(blocks * 512)
    write = Write16(logical_block_address=3, transfer_length=blocks)
    read = Read16(logical_block_address=3, transfer_length=blocks)

    assert Completion() == nexus.execute(lun, write.encode(), data)
    assert Completion(0, b"", data) == nexus.execute(lun, read.encode(), b"", len(data))


def test_residuals_are_told(session: tuple[IscsiNexus, int]) -> None:
    nexus, lun = session
    read = Read16(logical_block_address=0, transfer_length=2).encode()

    assert 1000 == nexus.execute(lun, read, b"", 2024).residual
    assert -512 == nexus.execute(lun, read, b"", 512).residual


def test_a_unit_is_the_same_one_on_both_ways(lab: UserModeLab, session: tuple[IscsiNexus, int]) -> None:
    nexus, lun = session
    assert (
        0
        == nexus.execute(lun, Write16(logical_block_address=9, transfer_length=1).encode(), b"y" * 512).status
    )

    read = Read16(logical_block_address=9, transfer_length=1).encode()
    answers = [lab.nexus.execute(lun, read, b"", 512) for _ in range(4)]

    assert b"y" * 512 == answers[-1].data_in


@pytest.mark.parametrize(
    ("parameters", "agreed"),
    [
        ({"InitialR2T": "No"}, {"initial_r2t": False, "immediate_data": True}),
        ({"InitialR2T": "No", "ImmediateData": "No"}, {"initial_r2t": False, "immediate_data": False}),
        ({"ImmediateData": "No"}, {"initial_r2t": True, "immediate_data": False}),
        ({"HeaderDigest": "CRC32C", "DataDigest": "CRC32C"}, {"header_digest": True, "data_digest": True}),
        ({"MaxBurstLength": "1024", "FirstBurstLength": "512"}, {"max_burst_length": 1024}),
    ],
)
def test_what_lio_wants_is_agreed_on_and_kept(
    lab: UserModeLab, session: tuple[IscsiNexus, int], parameters: dict[str, str], agreed: dict[str, Any]
) -> None:
    """LIO refuses data that come otherwise than agreed, so what it holds afterwards proves it."""
    before = {"InitialR2T": "Yes", "ImmediateData": "Yes", "HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None",
              "MaxBurstLength": "262144", "FirstBurstLength": "65536"}  # fmt: skip
    _, lun = session
    lab.configure_portal(parameters=parameters)
    try:
        with IscsiNexus(f"{lab.open_portal()}/{lun}", connect=lab.connect) as nexus:
            assert agreed == {name: getattr(nexus.parameters, name) for name in agreed}
            nexus.execute(lun, bytes(6))
            for blocks in (1, 3, 130, 600):
                data = os.urandom(blocks * 512)
                write = Write16(logical_block_address=0, transfer_length=blocks).encode()
                read = Read16(logical_block_address=0, transfer_length=blocks).encode()
                assert Completion() == nexus.execute(lun, write, data)
                assert data == nexus.execute(lun, read, b"", len(data)).data_in
    finally:
        lab.configure_portal(parameters=before)


def test_chap_both_ways(lab: UserModeLab, session: tuple[IscsiNexus, int]) -> None:
    url = f"{lab.open_portal()}/0"
    secrets = {
        "userid": "me",
        "password": "a long secret",
        "mutual_userid": "lio",
        "mutual_password": "another one",
    }
    lab.configure_portal(attributes={"authentication": 1}, authentication=secrets)
    try:
        with_user = url.replace("//", "//me%a long secret@")
        for good in (with_user, f"{with_user}?target_user=lio&target_password=another one"):
            IscsiNexus(good, connect=lab.connect).close()
        for bad, text in (
            (url, "LIO does so when it wants CHAP: name user and password"),
            (url.replace("//", "//me%wrong@"), "the target does not take user me with this password"),
            (f"{with_user}?target_user=lio&target_password=wrong", "did not prove that it knows its secret"),
        ):
            with pytest.raises(TransportError, match=text):
                IscsiNexus(bad, connect=lab.connect)
    finally:
        lab.configure_portal(attributes={"authentication": 0})


def test_how_fast_the_relay_is(session: tuple[IscsiNexus, int]) -> None:
    nexus, lun = session
    read = Read16(logical_block_address=0, transfer_length=2048).encode()
    started = time.monotonic()
    for _ in range(20):
        assert MIB == len(nexus.execute(lun, read, b"", MIB).data_in)
    rate = 20 * MIB / (time.monotonic() - started)
    print(f"\nreads of 1 MiB through LIO's portal and the relay: {rate / 1e6:.0f} MB/s")
    assert rate > 20e6


def test_a_guest_that_is_gone_is_told_as_such() -> None:
    with open_user_mode() as doomed:
        nexus = IscsiNexus(f"{doomed.open_portal()}/0", connect=doomed.connect)
        os.kill(doomed.process, signal.SIGKILL)

        with pytest.raises(GuestDied, match="killed by signal 9"):
            nexus.execute(0, bytes(6))
        nexus.close()
