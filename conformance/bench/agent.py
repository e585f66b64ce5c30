"""Figures of the copy agent.

    python conformance/bench/agent.py

Prints, and judges against what the agent has to reach:

- one million extents that do not touch, planned and encoded for `spc4`, and
  counted besides: under 4 s (of the processor, so that other work of the machine does not count) and
  200 MB, the memory over the first thousand commands, for a plan is never held;
- 1 GiB through `spc4` in process: the time of the agent beyond that of the copy manager, measured by
  sending the same commands again: under 5 %.

Exits 1 when one of them falls short.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice

from threepce.agent import CopyAgent, CopyRequest, Device, Disk, Extent, Part
from threepce.agent.planner import count_commands, plan
from threepce.agent.preparing import prepare
from threepce.emulator import San, load_profile
from threepce.scsi.nexus import Completion, Nexus

BLOCK = 512
MILLION = 1_000_000
MOST_SECONDS, MOST_BYTES, MOST_OVERHEAD = 4.0, 200e6, 0.05
ROUNDS = 5


class Scattered:
    """A million extents that do not touch, made while they are read."""

    def __iter__(self) -> Iterator[Extent]:
        return (Extent(lba, lba, 8) for lba in range(0, 16 * MILLION, 16))


class Recorder:
    """A nexus that notes what is sent to the copy manager, and passes it on."""

    def __init__(self, nexus: Nexus) -> None:
        self.nexus = nexus
        self.copies: list[tuple[int, bytes, bytes]] = []

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """See Nexus."""
        if cdb[0] == 0x83:
            self.copies.append((lun, cdb, data_out))
        return self.nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def room(profile: str, blocks: int) -> tuple[Nexus, Disk, Disk]:
    """Two disks of an engine, with nothing to tell."""
    san = San(load_profile(profile))
    nexus = san.nexus("host")
    disks = []
    for name in ("source", "destination"):
        lun = san.add_disk(name, blocks=blocks)
        while nexus.take_unit_attention(lun):
            pass
        disks.append(Disk(Device(nexus, lun, name)))
    return nexus, disks[0], disks[1]


def agent() -> CopyAgent:
    """An agent that never waits."""
    return CopyAgent(_nowhere, pause=lambda _: None)


def _nowhere(name: str) -> Device:
    raise ValueError(name)


def say(what: str, value: str, good: bool, asked: str) -> bool:
    """Print a figure and whether it is enough."""
    print(f"{what:<58}{value:>12}  {asked}{'' if good else ': TOO MUCH'}", flush=True)
    return good


def planning(profile: str) -> bool:
    """A million extents: seconds without, and bytes with, the memory being watched."""
    _, source, destination = room(profile, 16 * MILLION)
    assert source.device is not None
    request = CopyRequest(manager=source.device, destination=destination, parts=[Part(source, Scattered())])
    maker = agent()
    small = CopyRequest(manager=source.device, destination=destination, parts=[Part(source, [])])
    job = prepare(maker.executor, small, maker.engine(source.device)).job
    flow = job.flows[0]
    object.__setattr__(flow, "pieces", request.parts[0].pieces)  # type: ignore[union-attr]

    def planned() -> int:
        return sum(len(command.parameter_list.encode()) > 0 for command in plan(job))

    start = time.process_time()
    commands = planned()
    seconds = time.process_time() - start
    start = time.process_time()
    counted = count_commands(job)
    counting = time.process_time() - start
    assert counted == commands
    tracemalloc.start()
    sum(1 for _ in islice(plan(job), 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    what = f"{profile}: 1,000,000 extents to {commands} commands"
    good = say(f"{what}, planned", f"{seconds:.2f} s", seconds < MOST_SECONDS, "under 4 s")
    good &= say(f"{what}, counted", f"{counting:.2f} s", counting < MOST_SECONDS, "under 4 s")
    return good & say(f"{what}, memory", f"{peak / 1e6:.2f} MB", peak < MOST_BYTES, "under 200 MB")


def best(action: Callable[[], object]) -> float:
    """The shortest of some times, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def overhead() -> bool:
    """1 GiB by the agent, beside the same commands sent as they are."""
    blocks = (1 << 30) // BLOCK
    nexus, source, destination = room("spc4", blocks)
    assert source.device is not None
    for lba in range(0, blocks, 2048):
        cdb = bytes((0x8A, 0)) + lba.to_bytes(8) + (2048).to_bytes(4) + bytes(2)
        nexus.execute(source.device.lun, cdb, lba.to_bytes(8) * (BLOCK * 2048 // 8))
    recorder = Recorder(nexus)
    manager = Device(recorder, source.device.lun, "manager")
    request = CopyRequest(
        manager=manager,
        destination=destination,
        parts=[Part(source, [Extent(lba, lba, 2048) for lba in range(0, blocks, 2048)])],
    )
    copier = agent()
    copier.copy(request)
    sent = list(recorder.copies)

    def again() -> None:
        for lun, cdb, data in sent:
            nexus.execute(lun, cdb, data)

    by_agent, alone = best(lambda: copier.copy(request)), best(again)
    extra = by_agent / alone - 1
    print(f"1 GiB, spc4: {by_agent:.3f} s by the agent, {alone:.3f} s its {len(sent)} commands alone")
    return say("1 GiB, spc4: overhead of the agent", f"{extra:.1%}", extra < MOST_OVERHEAD, "under 5 %")


def main() -> int:
    """All figures; 1 when one falls short."""
    return 0 if all([planning("spc4"), overhead()]) else 1


if __name__ == "__main__":
    sys.exit(main())
