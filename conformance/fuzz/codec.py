"""Mutated bytes through every decoder: none may raise what it does not say it raises, take long or grow.

    python conformance/fuzz/codec.py [--items 1000000 | --seconds 20] [--seed N]
    python conformance/fuzz/codec.py --reproduce FILE.bin

Mutations come from ``mutations``, decoders from ``targets``. Each item goes to the decoders of the
tables its seed has, and to its share of all others: every decoder in turn sees an equal part of the
items. A failure writes the bytes to a file, prints the decoder, the error and how to run it again,
and makes the exit status 1. There is no coverage guidance (atheris) here: this generator knows
the fields of every table, which finds the contradicting lengths that matter in these formats, it
runs wherever Python does, and its items can be made again from two numbers.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import resource
import signal
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from mutations import Mutator, table_seeds, vector_seeds
from targets import Target, find_targets, is_fine, tables

VECTORS = Path(__file__).parents[2] / "scsi" / "tests" / "vectors"
FAILURES = Path("fuzz-failures")
ITEMS, SEED = 1_000_000, 20090408
SHARE = 40
"""An item goes to one in so many decoders, apart from those of its own tables."""
SECONDS_PER_BYTE, SECONDS = 100e-6, 1.0
"""Processor time a decoder may take: far above any that is linear, on a machine of any speed."""
MEMORY_PER_BYTE, MEMORY = 4_000, 8 << 20
"""Memory it may take at its peak, measured for one item in so many."""
MEASURED_EVERY = 997
ADDRESS_SPACE = 2 << 30
MOST_FAILURES = 20


class TooLongError(BaseException):
    """A decoder used up its processor time; no handler of its own may catch it."""


class Failure(NamedTuple):
    """A decoder that did what it may not, and on which bytes."""

    target: str
    item: int
    data: bytes
    what: str
    trace: str


def _too_long(_: int, __: FrameType | None) -> None:
    raise TooLongError


def attempt(target: Target, data: bytes, item: int, *, measured: bool = False) -> tuple[str, Failure | None]:
    """Run one decoder: "decoded" or "refused", or the failure."""
    limit = SECONDS + SECONDS_PER_BYTE * len(data)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    outcome, what, trace = "decoded", "", ""
    try:
        if measured:
            tracemalloc.start()
        target.run(data)
    except TooLongError:
        what = f"takes more than {limit:.1f} s of processor time for {len(data)} bytes"
    except MemoryError:
        what = f"takes more than {ADDRESS_SPACE >> 20} MiB for {len(data)} bytes"
    except Exception as error:  # noqa: BLE001 - to see which is the point
        outcome = "refused"
        if not is_fine(target, error):
            what = f"{type(error).__name__}: {error}"
            trace = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if measured:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if peak > MEMORY + MEMORY_PER_BYTE * len(data):
            what = what or f"takes {peak >> 10} KiB at its peak for {len(data)} bytes"
    return outcome, Failure(target.name, item, data, what, trace) if what else None


class Campaign:
    """A run of many items; what it counted and what failed."""

    def __init__(self, targets: list[Target], mutator: Mutator) -> None:
        self.targets, self.mutator = targets, mutator
        self.outcomes: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.items = 0
        self._of_table = {target.table: target for target in targets if target.table is not None}

    def share(self, number: int) -> Iterable[Target]:
        """The decoders whose turn it is."""
        for target in self.targets[number % SHARE :: SHARE]:
            if number // SHARE % target.rare == 0:
                yield target

    def run_item(self, number: int) -> None:
        """Make an item and decode it."""
        seed, data = self.mutator.item(number)
        own = [self._of_table[table] for _, table in seed.tables[:2] if table in self._of_table]
        for target in (*own, *self.share(number)):
            outcome, failure = attempt(target, data, number, measured=number % MEASURED_EVERY == 0)
            self.outcomes[outcome] += 1
            if failure is not None and failure.target not in {known.target for known in self.failures}:
                self.failures.append(failure)
        self.items += 1

    def run(self, items: int, seconds: float | None) -> float:
        """All items, or as many as fit the seconds. Returns how long it took."""
        start = time.monotonic()
        while self.items < items and len(self.failures) < MOST_FAILURES:
            self.run_item(self.items)
            if seconds is not None and self.items % 100 == 0 and time.monotonic() - start > seconds:
                break
        return time.monotonic() - start


def written(failure: Failure, folder: Path) -> str:
    """Write the bytes of a failure; how to see it again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(failure.target.encode() + failure.data).hexdigest()[:16]}.bin"
    path.write_bytes(failure.data)
    return f"python {sys.argv[0]} --reproduce {path} --target '{failure.target}'"


def reproduce(targets: list[Target], path: Path, name: str | None) -> list[Failure]:
    """The failures of one item, by the decoder that is named, or by all of them."""
    data = path.read_bytes()
    chosen = [target for target in targets if name in (None, target.name)]
    found = (attempt(target, data, 0, measured=True)[1] for target in chosen)
    return [failure for failure in found if failure is not None]


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--items", type=int, default=None, help=f"how many items ({ITEMS:,})")
    parser.add_argument("--seconds", type=float, default=None, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=SEED, help=f"makes the items ({SEED})")
    parser.add_argument("--failures", type=Path, default=FAILURES, help=f"folder for them ({FAILURES})")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one item again")
    parser.add_argument("--target", help="with --reproduce: the decoder; without it, all of them")
    return parser.parse_args()


def main() -> int:
    """Run, print, judge."""
    asked = arguments()
    signal.signal(signal.SIGVTALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1]))
    targets = find_targets()
    if asked.reproduce is not None:
        failures = reproduce(targets, asked.reproduce, asked.target)
    else:
        known = tables()
        seeds = [*vector_seeds(VECTORS, known), *table_seeds(known)]
        gc.freeze()
        campaign = Campaign(targets, Mutator(seeds, asked.seed))
        items = asked.items or (ITEMS if asked.seconds is None else sys.maxsize)
        took = campaign.run(items, asked.seconds)
        failures = campaign.failures
        calls = campaign.outcomes.total()
        print(
            f"{campaign.items:,} mutated items of {len(seeds)} seeds through {len(targets)} decoders, seed {asked.seed}\n"
            f"{campaign.items / took:,.0f} items a second; {calls:,} calls, {campaign.outcomes['decoded']:,} decoded, "
            f"{campaign.outcomes['refused']:,} refused; {took:.1f} s; failures: {len(failures)}"
        )
    for failure in failures:
        print(f"\n{failure.target}, item {failure.item}: {failure.what}\n{failure.trace}", end="")
        print(f"    again: {written(failure, asked.failures)}" if asked.reproduce is None else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
