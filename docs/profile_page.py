"""The reference page of profiles: what each says, how it deviates, and how we know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from threepce.conformance.profile import DEFAULT, loaded, ranges, text_of, values
from threepce.emulator import available_profiles
from threepce.emulator.quirks.base import Quirk
from threepce.scsi.cscd import is_cscd_code

Rows = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], list[str]]
Summary = Callable[[str | None], str]


def profile_page(rows: Rows, summary: Summary) -> str:
    """The whole page. `rows` makes a table, `summary` one line of a docstring."""
    every = [loaded(name) for name in available_profiles()]
    lines = [
        "# Profiles",
        "",
        "<!-- Written by docs/generate.py: change the profiles, not this page. -->",
        "",
        "A profile says what a copy engine is: identity, limits, order of checks, deviations. Values marked",
        "*synthetic* are given by no source: they are there so that there is an engine, and are no facts about",
        "any. `3pce profile show NAME` has all values with where each came from.",
        "",
        *rows(
            ("profile", "dialects", "segments", "CSCDs", "about"),
            (
                (
                    f"[{found.profile.name}](#{found.profile.name.replace('.', '')})",
                    ", ".join(dialect.value for dialect in found.profile.copy_manager.dialects),
                    _codes(found.profile.operating_parameters.implemented_descriptors, cscds=False),
                    _codes(found.profile.operating_parameters.implemented_descriptors, cscds=True),
                    found.profile.about,
                )
                for found in every
            ),
        ),
        "",
        "## Quirks",
        "",
        "Defects that lose data or hide what fails, for testing agents: `quirks: [NAME]` in a profile, or",
        "`3pce serve --quirk NAME`.",
        "",
        *rows(
            ("quirk", "what it does", "what a checker sees"),
            (
                (kind.name, summary(kind.__doc__), kind.seen)
                for kind in sorted(Quirk.__subclasses__(), key=lambda kind: kind.name)
            ),
        ),
        "",
    ]
    for found in every:
        profile = found.profile
        own = [entry for entry in values(found) if entry.origin == profile.name]
        marked = [entry for entry in values(found) if entry.synthetic and entry.origin != profile.name]
        lines += [f"## {profile.name}", "", profile.about, ""]
        if found.lineage[1:]:
            lines += [f"Inherits from {', then '.join(found.lineage[1:])}.", ""]
        lines += [*rows(("deviates at", "does", "source"), _deviations(profile.deviations)), ""]
        lines += ["States:", ""]
        lines += rows(
            ("key", "value", ""),
            ((f"`{entry.path}`", text_of(entry), "synthetic" if entry.synthetic else "") for entry in own),
        )
        lines.append("")
        if marked:
            inherited = ", ".join(f"`{entry.path}`" for entry in marked if entry.origin)
            lines += [f"Synthetic and inherited: {inherited or DEFAULT}.", ""]
    return "\n".join(lines)


def _codes(codes: Iterable[int], *, cscds: bool) -> str:
    return ranges(code for code in sorted(codes) if is_cscd_code(code) == cscds)


def _deviations(deviations: Iterable[object]) -> Iterator[tuple[str, ...]]:
    for entry in deviations:
        yield tuple(str(getattr(entry, name)) for name in ("at", "does", "source"))
