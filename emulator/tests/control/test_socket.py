"""The control socket itself: who may connect, what is left behind, and the client."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import new_cartridge
from threepce.emulator.control import Control, ControlClient, ControlError, ControlLost
from threepce.emulator.control.server import MOST_CONNECTIONS, ControlServer

LIMIT = 20.0


class Served:
    """A control socket in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.san = San(load_profile("spc4"))
        self.san.add_disk("source", blocks=64)
        self.san.add_tape("tape")
        self.stopped = threading.Event()
        self.server = ControlServer(Control(self.san, stop=self.stopped.set), path)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT)

    def end(self) -> None:
        self.run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        self._loop.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    made: list[Served] = []

    def start() -> Served:
        made.append(Served(tmp_path / "san.sock"))
        made[-1].run(made[-1].server.start())
        return made[-1]

    yield start
    for served in made:
        served.end()


def test_only_its_owner_may_use_it(serve: Callable[[], Served]) -> None:
    mask = os.umask(0)
    try:
        mode = serve().path.lstat().st_mode
    finally:
        os.umask(mask)

    assert stat.S_ISSOCK(mode)
    assert 0o600 == stat.S_IMODE(mode)


def test_it_is_gone_with_the_server(serve: Callable[[], Served]) -> None:
    served = serve()
    served.run(served.server.stop())
    served.run(served.server.stop())

    assert not served.path.exists()


def test_what_took_its_place_stays(serve: Callable[[], Served]) -> None:
    served = serve()
    served.path.unlink()
    served.path.write_text("mine")
    served.run(served.server.stop())

    assert "mine" == served.path.read_text()


def test_one_that_a_server_left_behind_is_replaced(serve: Callable[[], Served], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / "san.sock"))

    with ControlClient(serve().path) as client:
        assert 0.0 == client.now()


def test_one_that_is_answered_is_not(serve: Callable[[], Served]) -> None:
    served = serve()
    other = Served(served.path)
    try:
        with pytest.raises(OSError, match="another server answers there"):
            other.run(other.server.start())
    finally:
        other.end()

    with ControlClient(served.path) as client:
        assert 0.0 == client.now()


def test_nor_is_one_whose_server_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "busy.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(str(path))
        with pytest.raises(OSError, match="another server answers there"):
            asyncio.run(ControlServer(Control(San(load_profile("spc4"))), path).start())
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file", "there is a file that is no socket"),
        ("no/such/folder", "No such file"),
        ("x" * 100, "too long"),
    ],
)
def test_where_no_socket_can_be(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "file").write_text("x")
    server = ControlServer(Control(San(load_profile("spc4"))), tmp_path / name)

    with pytest.raises(OSError, match=text):
        asyncio.run(server.start())


def test_the_client_does_what_the_operations_do(serve: Callable[[], Served], tmp_path: Path) -> None:
    served = serve()
    new_cartridge(tmp_path / "a.tap")
    with ControlClient(served.path) as client:
        assert ["x"] == client.add_faults({"name": "x", "do": {"status": "BUSY"}})
        assert ["x"] == [fault["name"] for fault in client.faults()]
        client.remove_fault("x")
        assert 0 == client.reset_faults()
        assert 2.5 == client.advance(2.5) == client.now() == served.san.clock.now
        assert ["source", "tape"] == [unit["name"] for unit in client.units()]
        client.insert_tape("tape", str(tmp_path / "a.tap"))
        assert client.eject_tape("tape") is not None
        assert client.eject_tape("tape") is None
        assert [] == client.copies() == client.trace_tail()
        for refused in (client.hold_copy, client.step_copy):
            with pytest.raises(ControlError, match="no copy 1 runs"):
                refused(1, 1)
        with pytest.raises(ControlError, match="no copy 1 runs"):
            client.release_copy(1)
        client.stop()
    assert served.stopped.is_set()


def test_a_refusal_has_place_and_text(serve: Callable[[], Served]) -> None:
    with ControlClient(serve().path) as client:
        with pytest.raises(ControlError) as refused:
            client.add_faults([{"do": {"stall": 1}}])

        assert "[0].do.stall" == refused.value.place
        assert "[0].do.stall: expected true or false, got 1" == str(refused.value)
        assert 0.0 == client.now()


def test_no_more_may_ask_at_a_time_than_there_is_room_for(serve: Callable[[], Served]) -> None:
    path = serve().path
    with ExitStack() as open_now:
        for _ in range(MOST_CONNECTIONS):
            assert 0.0 == open_now.enter_context(ControlClient(path)).now()
        with ControlClient(path) as another, pytest.raises(ControlLost):
            another.now()


def test_who_does_not_take_the_answers_has_no_more_of_them(serve: Callable[[], Served]) -> None:
    """Lines that are short have long answers: those wait to be made until they are taken."""
    served = serve()
    served.san.faults.add([{"do": {"status": "BUSY"}} for _ in range(200)])
    made = 0
    told = served.san.faults.told

    def counted() -> list[dict[str, object]]:
        nonlocal made
        made += 1
        return told()

    served.san.faults.told = counted  # type: ignore[method-assign]
    count = 500
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.connect(str(served.path))
        asker.settimeout(LIMIT)
        asker.sendall(b'{"do": "fault list"}\n' * count)
        with ControlClient(served.path, timeout=LIMIT) as other:
            for _ in range(50):
                assert 0.0 == other.now()
            assert made < count // 2
        lines = 0
        while lines < count:
            lines += asker.recv(1 << 20).count(b"\n")

    assert count == made == lines


def test_there_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(ControlLost, match="no server answers at .*: No such file.*3pce serve --control"):
        ControlClient(tmp_path / "none.sock")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "has ended|Broken pipe"),
        (b"hello\n", "is no control socket"),
        (b"[]\n", "is no control socket"),
        (b'{"id": 7, "ok": {}}\n', "is no control socket"),
        (b"x" * 5000, "does not answer: timed out"),
    ],
)
def test_what_answers_is_something_else(tmp_path: Path, answer: bytes, text: str) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen()
        with ControlClient(path, timeout=0.2) as client:
            end, _ = other.accept()
            with end:
                end.sendall(answer)
                if not answer:
                    end.shutdown(socket.SHUT_RDWR)
                with pytest.raises(ControlLost, match=text):
                    client.now()


def test_an_answer_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threepce.emulator.control.client.LONGEST_ANSWER", 1000)
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen()
        with ControlClient(path, timeout=LIMIT) as client:
            end, _ = other.accept()
            with end:
                end.sendall(json.dumps("x" * 2000).encode())
                with pytest.raises(ControlLost, match="it says too much"):
                    client.now()
