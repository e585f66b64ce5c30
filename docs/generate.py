"""Writes the reference pages from the code: what the package declares and what the vectors show.

    python docs/generate.py            write docs/reference/tables.md, profiles.md and copies.md
    python docs/generate.py --check    say whether they are what they should be; exit status 1 when not

Nothing is listed here. Tables, fields, clauses and doubts come from ``threepce.scsi``; which table
somebody else vouches for comes from the vectors of its tests; profiles from the files of the emulator, and copies
from the shipped scenarios.
"""

from __future__ import annotations

import argparse
import difflib
import json
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from importlib import import_module
from itertools import groupby
from pathlib import Path

from copies_page import copies_page
from profile_page import profile_page

import threepce.scsi
from threepce.scsi.field import Place
from threepce.scsi.layout import Table

ROOT = Path(__file__).parents[1]
VECTORS = ROOT / "scsi" / "tests" / "vectors"
PAGE = ROOT / "docs" / "reference" / "tables.md"
PACKAGE = "threepce.scsi."
ALWAYS_ZERO = {"operation_code", "service_action", "control"}
"""Fields of CDBs whose usual value is zero and whose place is the same in every CDB."""


@dataclass
class Evidence:
    """What the vectors say of one table: who made them, and which fields they set."""

    origins: list[str] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)


def tables() -> dict[str, type[Table]]:
    """Every table by "module.Name", module by module."""
    for module in pkgutil.walk_packages(threepce.scsi.__path__, PACKAGE):
        import_module(module.name)
    found = sorted(set(_below(Table)), key=lambda table: (table.__module__, table.__qualname__))
    return {name_of(table): table for table in found if table.SIZE}


def _below(table: type[Table]) -> Iterator[type[Table]]:
    for subclass in table.__subclasses__():
        if subclass.__module__.startswith(PACKAGE):
            yield subclass
            yield from _below(subclass)


def name_of(table: type[Table]) -> str:
    """The name by which vectors know a table."""
    return f"{table.__module__.removeprefix(PACKAGE)}.{table.__qualname__}"


def evidence(folder: Path) -> dict[str, Evidence]:
    """What somebody else vouches for, by table. Bytes that we made ourselves are none."""
    found: dict[str, Evidence] = {}
    for path in sorted(folder.glob("*.json")):
        for vector in json.loads(path.read_text("ascii")):
            for part in vector["tables"]:
                if vector.get("vouches", True) and part.get("vouches", True):
                    seen = found.setdefault(part["table"], Evidence())
                    seen.fields |= {name for name, value in part["fields"].items() if value}
                    if vector["origin"] not in seen.origins:
                        seen.origins.append(vector["origin"])
    return found


def page(known: dict[str, type[Table]], seen: dict[str, Evidence]) -> str:
    """The whole page."""
    without = [name for name in known if name not in seen]
    unseen = {name: zero for name in known if name in seen and (zero := unset(known[name], seen[name]))}
    doubts = [(name, *doubt) for name, table in known.items() for doubt in doubts_of(table)]
    lines = [
        "# Tables",
        "",
        "<!-- Written by docs/generate.py: change the code or the vectors, not this page. -->",
        "",
        f"`threepce.scsi` declares {len(known)} tables of the standards. A codec that both sides of a test share",
        "hides its own mistakes, so a table should have bytes that somebody else made: recorded from a device,",
        "sent or read by a program that knows nothing of this one. "
        f"{len(known) - len(without)} tables have such bytes, {len(without)} have none,",
        f"and {sum(map(len, unseen.values()))} fields of the others are zero in all of them.",
        "",
        "## Tables without a vector of somebody else",
        "",
        *rows(("table", "clause", "what it is"), (_line(name, known[name]) for name in without)),
        "",
        "## Fields that are zero in every vector",
        "",
        "The place of such a field is our reading alone.",
        "",
        *rows(
            ("table", "fields"),
            (
                (link(name), ", ".join(known[name].TITLES[item] for item in zero))
                for name, zero in unseen.items()
            ),
        ),
        "",
        "## Fields that are not certain",
        "",
        "No source was found that shows where these are, or the sources disagree.",
        "",
        *rows(
            ("table", "field", "why"),
            ((link(name), known[name].TITLES[item], why) for name, item, why in doubts),
        ),
        "",
    ]
    for module, names in groupby(known, key=lambda name: name.rpartition(".")[0]):
        lines += [f"## {module}", "", _summary(import_module(PACKAGE + module).__doc__), ""]
        for name in names:
            lines += section(name, known[name], seen.get(name))
    return "\n".join(lines)


def section(name: str, table: type[Table], seen: Evidence | None) -> list[str]:
    """One table: what it is, its fields, and whose bytes show it."""
    uncertain = {item for item, _ in doubts_of(table)}
    origins = [f"- {text}" for text in seen.origins] if seen is not None else ["- none"]
    fields = (
        (
            place_text(place),
            table.TITLES[item] + (" (not certain)" if item in uncertain else ""),
            kind(table.HINTS[item], place),
        )
        for item, place in table.PLACES.items()
    )
    return [
        f"### {name}",
        "",
        _summary(table.__doc__),
        "",
        f"{table.REF}, {table.SIZE} byte{'s' * (table.SIZE != 1)}.",
        "",
        *rows(("bytes", "field", "kind"), fields),
        "",
        "Vectors of others:",
        "",
        *origins,
        "",
    ]


def unset(table: type[Table], seen: Evidence) -> list[str]:
    """The fields that no vector sets."""
    return [item for item in table.PLACES if item not in seen.fields | ALWAYS_ZERO]


def doubts_of(table: type[Table]) -> list[tuple[str, str]]:
    """The fields of a table that are not certain, and why; said where the table or its base is declared."""
    found = []
    for item in table.PLACES:
        for base in table.__mro__:
            reasons = getattr(sys.modules[base.__module__], "UNVERIFIED", {}).get(base.__name__, {})
            if item in reasons:
                found.append((item, str(reasons[item])))
                break
    return found


def place_text(place: Place) -> str:
    """Where a field is: "2", "4-7", "1 bit 5", "1 bits 4-3", or from bit to bit across bytes."""
    whole = place.msb == 7 and place.width % 8 == 0
    last = place.end - 1
    if whole:
        return str(place.byte) if last == place.byte else f"{place.byte}-{last}"
    low = place.shift
    if last == place.byte:
        return f"{place.byte} bit {place.msb}" if place.width == 1 else f"{place.byte} bits {place.msb}-{low}"
    return f"{place.byte} bit {place.msb} to {last} bit {low}"


def kind(hint: object, place: Place) -> str:
    """What sort of value a field has."""
    if hint is bool:
        return "flag"
    if hint is bytes:
        return f"{place.width // 8} bytes"
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return f"code, `{hint.__name__}`"
    return f"number, {place.width} bit{'s' * (place.width > 1)}"


def rows(head: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> list[str]:
    """A Markdown table, or a line that says it is empty."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body]
    if not lines:
        return ["None."]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines]


def link(name: str) -> str:
    """A link to the section of a table, by the anchor Markdown makes of its heading."""
    return f"[{name}](#{name.lower().replace('.', '')})"


def _line(name: str, table: type[Table]) -> tuple[str, str, str]:
    return link(name), table.REF, _summary(table.__doc__)


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring as one line."""
    first = " ".join((text or "").strip().split("\n\n")[0].split())
    return re.sub(r":[a-z]+:(?=`)", "", first).replace("``", "`")


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    asked = parser.parse_args()
    pages = {
        PAGE: page(tables(), evidence(VECTORS)),
        PAGE.with_name("profiles.md"): profile_page(rows, _summary),
        PAGE.with_name("copies.md"): copies_page(rows),
    }
    stale = [path for path, text in pages.items() if _differs(path, text, shown=asked.check)]
    if asked.check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run python docs/generate.py")
        return 1 if stale else 0
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


def _differs(path: Path, text: str, *, shown: bool) -> bool:
    """Whether a page is not what it should be; the first differences are printed, if they are to be shown."""
    old = path.read_text("utf-8") if path.exists() else ""
    changes = difflib.unified_diff(
        old.splitlines(), text.splitlines(), "as it is", "as it should be", lineterm="", n=0
    )
    found = list(changes)
    if found and shown:
        print(*found[:40], sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
