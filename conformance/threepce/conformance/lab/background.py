"""The lab that stays up: a process that holds one lab, and how others talk to it.

The process listens on a UNIX socket in this user's directory for labs; a request is one line of
JSON, and so is its answer. One such lab per user is up at a time.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .errors import GuestError, LabError, LabUnavailable
from .interface import open_user_mode
from .scratch import base_directory
from .user_mode import UserModeLab

__all__ = ["ask", "is_up", "start"]

START_LIMIT = 400.0  # a first start may fetch the kernel
END_LIMIT = 15.0
ANSWER_LIMIT = 60.0
LINE = 65536
UNITS = ("0a", "0b")
UNIT_BLOCKS = 1 << 21  # 1 GiB, sparse
GUEST_WATCH = 2.0


def ask(request: str, **values: Any) -> dict[str, Any]:
    """Send one request to the lab that is up. Raises LabError when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_LIMIT)
        try:
            connection.connect(str(_socket_path()))
            connection.sendall(json.dumps({"do": request, **values}).encode() + b"\n")
            line = connection.makefile("rb").readline(LINE)
        except (FileNotFoundError, ConnectionError) as error:
            raise LabError("no lab is up. Start one with: 3pce lab lio up") from error
        except TimeoutError as error:
            raise LabError(f"the lab gave no answer in {ANSWER_LIMIT:g} s. Take it down.") from error
    if not line:
        raise LabError(f"the lab ended without an answer. Its log is {_log_path()}")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise LabError(answer["error"])
    return answer


def is_up() -> dict[str, Any] | None:
    """What the lab that is up says of itself; None if none is."""
    try:
        return ask("status")
    except LabError:
        return None


def start(kernel_directory: Path | None) -> dict[str, Any]:
    """Start a lab in the background and return what it says of itself."""
    arguments = [sys.executable, "-m", "threepce.conformance.lab.background"]
    if kernel_directory is not None:
        arguments.append(str(kernel_directory.absolute()))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)}
    with _log_path().open("wb") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env=environment,
        )
    assert process.stdout is not None
    with process.stdout:
        ready = select.select([process.stdout], [], [], START_LIMIT)[0]
        line = process.stdout.readline() if ready else b""
    if not line:
        process.kill()
        process.wait()
        log_text = _log_path().read_text(errors="replace").strip().splitlines()
        raise LabUnavailable(
            f"the lab's process ended before it was ready: {log_text[-1] if log_text else ''} "
            f"(all it said is in {_log_path()})"
        )
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        process.wait()
        raise LabUnavailable(answer["error"])
    # Its parent is not to wait for it: that it goes on is the point.
    process.returncode = 0
    return answer


def stop() -> None:
    """Take down the lab that is up and wait until it is gone. Raises LabError if none is."""
    process = ask("down")["process"]
    deadline = time.monotonic() + END_LIMIT
    while Path(f"/proc/{process}").exists() and not _is_zombie(process):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)  # its keeper then ends the guest
            return
        time.sleep(0.01)


def _is_zombie(process: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True


def _socket_path() -> Path:
    return base_directory() / "up.socket"


def _log_path() -> Path:
    return base_directory() / "up.log"


class Supervisor:
    """The process that holds the lab: answers requests until it is told to go down."""

    def __init__(self, lab: UserModeLab) -> None:
        self._lab = lab
        self._running = True
        self._units = {}
        for serial in UNITS:
            lun = lab.create_unit(block_length=512, blocks=UNIT_BLOCKS, serial=serial * 13)
            self._units[lun] = serial * 13

    def status(self) -> dict[str, Any]:
        """What this lab is."""
        return {
            "process": os.getpid(),
            "guest": self._lab.process,
            "release": self._lab.release,
            "console_log": str(self._lab.console_log),
            "terminal": self._lab.shell_terminal,
            "units": self._units,
        }

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks for."""
        name = request.pop("do", None)
        if name == "status":
            self._lab.ping()
            return self.status()
        if name == "down":
            self._running = False
            return {"process": os.getpid()}
        if name == "start_shell":
            return {"process": self._lab.start_shell(**request)}
        if name == "shell_runs":
            return {"runs": self._lab.shell_runs(**request)}
        raise LabError(f"no such request: {name!r}")

    def serve(self, listener: socket.socket) -> None:
        """Answer until told to go down; raises GuestError if the guest fails meanwhile."""
        listener.settimeout(GUEST_WATCH)
        while self._running:
            try:
                connection = listener.accept()[0]
            except TimeoutError:
                self._lab.ping()
                continue
            with connection:
                connection.settimeout(ANSWER_LIMIT)
                try:
                    line = connection.makefile("rb").readline(LINE)
                    if not line:
                        continue
                    try:
                        answer = self.answer(json.loads(line))
                    except (LabError, ValueError, TypeError) as error:
                        answer = {"error": str(error)}
                    except GuestError as error:
                        connection.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
                        raise
                    connection.sendall(json.dumps(answer).encode() + b"\n")
                except (ConnectionError, TimeoutError):
                    continue  # who asked is gone; the next may stay


def main(arguments: list[str]) -> int:
    """Hold a lab; the one line on standard output says that it is ready, or why it is not."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    path = _socket_path()
    if is_up() is not None:
        _say({"error": "a lab is up already. Use it, or take it down with: 3pce lab lio down"})
        return 1
    try:
        lab = open_user_mode(Path(arguments[0]) if arguments else None)
    except LabUnavailable as error:
        _say({"error": str(error)})
        return 1
    with lab, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        supervisor = Supervisor(lab)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        try:
            listener.listen(8)
            _say(supervisor.status())
            supervisor.serve(listener)
        except GuestError as error:
            sys.stderr.write(f"{error}\n")
            return 3
        finally:
            path.unlink(missing_ok=True)
    return 0


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    # The caller reads one line and goes; a later write must not fail for it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
