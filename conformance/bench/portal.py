"""Figures of the iSCSI portal, beside Debian's tgt in the same run, measured by libiscsi's iscsi-perf.

    python conformance/bench/portal.py [--seconds 4] [--rounds 3]

Prints commands a second for reads of 4 KiB at depth 32, MB/s for reads of 1 MiB at depth 16, how long
the server takes to be ready, and what 64 connections at once do and cost. tgt keeps its disk in a file
in memory; ours is there twice, in memory and in such a file. Both servers are started here, on free
ports, and stopped. Exits 1 when a goal is missed. Needs iscsi-perf (Debian package libiscsi-bin) and
tgtd and tgtadm (tgt).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threepce.agent.transports.iscsi import IscsiNexus

MEGABYTE = 1 << 20
DISK = 64 * MEGABYTE
BLOCK = 512
LEAST_COMMANDS, LEAST_BANDWIDTH = 0.3, 0.9
MOST_SECONDS, MOST_MEMORY, CONNECTIONS = 1.0, 300 * MEGABYTE, 64
TARGET = "iqn.2026-01.example.threepce:bench"
SMALL, LARGE = (4096, 32), (MEGABYTE, 16)
"""Bytes of a read, and how many are under way at once."""


def program(name: str) -> str:
    """Where a program is; its absence ends the bench, it is no result."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        sys.exit(f"{name} is missing: install the Debian packages libiscsi-bin and tgt")
    return path


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """A process that is gone afterwards."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def tgt(folder: Path) -> Iterator[str]:
    """Debian's tgt with one disk; its URL."""
    port, image = free_port(), folder / "tgt.img"
    image.write_bytes(content(DISK))
    environment = {**os.environ, "TGT_IPC_SOCKET": str(folder / "tgtd")}
    with (folder / "tgtd.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603 - programs that the docstring names, here and below
            [program("tgtd"), "-f", "--iscsi", f"portal=127.0.0.1:{port}"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    with ended(server):
        wait_for(port)
        for words in (
            f"--op new --mode target --tid 1 -T {TARGET}",
            f"--op new --mode logicalunit --tid 1 --lun 1 -b {image}",
            "--op bind --mode target --tid 1 -I ALL",
        ):
            command = [program("tgtadm"), "--lld", "iscsi", *words.split()]
            subprocess.run(command, env=environment, check=True)  # noqa: S603
        yield f"iscsi://127.0.0.1:{port}/{TARGET}/1"


def wait_for(port: int) -> None:
    """Until somebody listens."""
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise


class Ours:
    """Our server: one disk in memory, one in a file in memory."""

    def __init__(self, folder: Path) -> None:
        (folder / "san.yaml").write_text(
            f"format: 1\nunits:\n  memory: {{size: {DISK // BLOCK}}}\n"
            f"  file: {{size: {DISK // BLOCK}, medium: ours.img}}\n"
            f"targets: {{{TARGET}: {{luns: {{0: memory, 1: file}}}}}}\n",
            "utf-8",
        )
        (folder / "ours.img").write_bytes(content(DISK))
        command = [sys.executable, "-m", "threepce.emulator.portal", str(folder / "san.yaml")]
        begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.ready = time.monotonic() - begun
        self.url = f"iscsi://{told['portal']}/{TARGET}"
        with IscsiNexus(f"{self.url}/0") as nexus:
            data = content(MEGABYTE)
            while nexus.execute(0, bytes(6)).status:
                pass
            for lba in range(0, DISK // BLOCK, MEGABYTE // BLOCK):
                write = b"\x2a\0" + lba.to_bytes(4) + b"\0" + (MEGABYTE // BLOCK).to_bytes(2) + b"\0"
                assert nexus.execute(0, write, data).status == 0
            read = b"\x28" + write[1:]
            assert nexus.execute(0, read, b"", MEGABYTE).data_in == data

    def memory(self, what: str = "VmHWM") -> int:
        """Bytes in memory, at most so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def content(length: int) -> bytes:
    """Bytes that are not zeros."""
    return bytes(range(1, 257 - 1)) * (length // 255) + bytes(length % 255)


def perf(url: str, size: int, depth: int, seconds: int, name: str = "bench") -> subprocess.Popen[str]:
    """Iscsi-perf, begun."""
    blocks = size // BLOCK
    command = [
        program("iscsi-perf"),
        "-i",
        f"iqn.2026-01.example:{name}",
        "-m",
        str(depth),
        "-b",
        str(blocks),
    ]
    return subprocess.Popen(  # noqa: S603
        [*command, "-t", str(seconds), url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def commands_a_second(process: subprocess.Popen[str]) -> int:
    """The average that iscsi-perf tells at its end. Raises RuntimeError for an error."""
    out, _ = process.communicate()
    found = re.findall(r"iops average (\d+) \(", out)
    if process.returncode or "finished" not in out or not found:
        raise RuntimeError(f"iscsi-perf ended with {process.returncode}: {out[-500:]}")
    return int(found[-1])


def beside_tgt(urls: dict[str, str], seconds: int, rounds: int) -> bool:
    """Both servers in turn, the best of some rounds each."""
    best: dict[tuple[str, tuple[int, int]], int] = {}
    for _ in range(rounds):
        for kind in (SMALL, LARGE):
            for name, url in urls.items():
                figure = commands_a_second(perf(url, *kind, seconds))
                best[name, kind] = max(best.get((name, kind), 0), figure)
    met = True
    for kind, goal, what in (
        (SMALL, LEAST_COMMANDS, "4 KiB, depth 32"),
        (LARGE, LEAST_BANDWIDTH, "1 MiB, depth 16"),
    ):
        peer = best["tgt", kind]
        for name in urls:
            figure = best[name, kind]
            rate = f"{figure:>9,} reads/s {figure * kind[0] / 1e6:>9,.0f} MB/s"
            ratio = "" if name == "tgt" else f"   {figure / peer:.2f} of tgt (goal {goal})"
            print(f"{what:16} {name:14} {rate}{ratio}")
        met &= best["ours, memory", kind] >= goal * peer
    return met


def at_once(ours: Ours, seconds: int) -> bool:
    """Many connections, each with reads of its own."""
    running = [perf(f"{ours.url}/{n % 2}", 4096, 4, seconds, f"bench{n}") for n in range(CONNECTIONS)]
    figures = [commands_a_second(process) for process in running]
    memory = ours.memory()
    print(
        f"{CONNECTIONS} connections  {sum(figures):>9,} reads/s, from {min(figures)} to {max(figures)} each, no error; "
        f"memory {memory >> 20} MiB at most (goal {MOST_MEMORY >> 20}), {2 * DISK >> 20} MiB of disks, half in memory"
    )
    return memory < MOST_MEMORY


def main() -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description="Figures of the portal beside tgt's.")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shared = Path("/dev/shm")  # noqa: S108 - files in memory, for both
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        folder = Path(name)
        ours = Ours(folder)
        with ended(ours.process), tgt(folder) as url:
            urls = {"tgt": url, "ours, memory": f"{ours.url}/0", "ours, file": f"{ours.url}/1"}
            met = beside_tgt(urls, options.seconds, options.rounds)
            met &= at_once(ours, options.seconds)
            print(f"ready after {ours.ready:.2f} s (goal {MOST_SECONDS})")
        ours.process.stdout.close()  # type: ignore[union-attr]
    return 0 if met and ours.ready < MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
