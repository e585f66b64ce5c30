"""`3pce profile`: which engines the emulator can be, and how we know."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple

import yaml as yaml_format

from threepce.conformance.console import Printer
from threepce.conformance.errors import UsageError
from threepce.emulator import ProfileError, available_profiles
from threepce.emulator.manager.rules import check_profile
from threepce.emulator.profile import LoadedProfile, Rule, load
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cscd import is_cscd_code

__all__ = ["ProfileValue", "check_file", "list_profiles", "loaded", "show_profile", "values"]

SCHEMA_VERSION = 1
DEFAULT = "default"
SYNTHETIC = "synthetic"
TELLS_OF_ITSELF = ("name", "about", "deviations", "quirks", "synthetic")
CODES = ("implemented_descriptors", "vpd_pages", "special_cscd_ids", "version_descriptors", "rod_types")
"""Lists of numbers that are read in hexadecimal."""


class ProfileValue(NamedTuple):
    """One value of a profile. `origin` is the profile that states it; None where none does."""

    path: str
    value: Any
    origin: str | None
    synthetic: bool


def loaded(name: str) -> LoadedProfile:
    """A profile that an engine can be. Raises UsageError with all that is wrong."""
    try:
        found = load(name)
        check_profile(found.profile)
    except ProfileError as error:
        raise UsageError(str(error)) from None
    return found


def values(found: LoadedProfile) -> list[ProfileValue]:
    """All values of a profile, in the order of the sections, those that no file states among them."""
    return [
        ProfileValue(path, value, found.origins.get(path), found.is_synthetic(path))
        for path, value in _walk(found.profile, "")
    ]


def _walk(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    for field in fields(tree):
        if not path and field.name in TELLS_OF_ITSELF:
            continue
        where = f"{path}.{field.name}" if path else field.name
        value = getattr(tree, field.name)
        if is_dataclass(value) and not isinstance(value, Rule):
            yield from _walk(value, where)
        else:
            yield where, _plain(value)


def _plain(value: Any) -> Any:
    """A value as a profile file has it."""
    if isinstance(value, Rule):
        return value.name if value.code is None else {value.name: value.code.text}
    if isinstance(value, AdditionalSense):
        return value.text
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value


# --- list ---------------------------------------------------------------------------------------------


def list_profiles(*, json: bool) -> int:
    """Print the profiles there are and return the exit status."""
    every = [loaded(name) for name in available_profiles()]
    if json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "profiles": [
                {
                    "name": found.profile.name,
                    "about": found.profile.about,
                    "inherits": list(found.lineage[1:]),
                    "dialects": [dialect.value for dialect in found.profile.copy_manager.dialects],
                    "implemented_descriptors": list(
                        found.profile.operating_parameters.implemented_descriptors
                    ),
                }
                for found in every
            ],
        }
        Printer().line(json_format.dumps(document, indent=2))
        return 0
    printer = Printer()
    for found in every:
        profile = found.profile
        codes = sorted(profile.operating_parameters.implemented_descriptors)
        printer.line(f"{profile.name}: {profile.about}")
        printer.line("  dialects  " + ", ".join(dialect.value for dialect in profile.copy_manager.dialects))
        printer.line("  segments  " + ranges(code for code in codes if not is_cscd_code(code)))
        printer.line("  CSCDs     " + ranges(code for code in codes if is_cscd_code(code)))
    return 0


def ranges(codes: Iterator[int]) -> str:
    """Codes in ascending order, three and more in a row as a range: ``00h-07h 10h``."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    texts = []
    for run in runs:
        ends = [run[0], run[-1]]
        texts.append(
            "-".join(f"{code:02X}h" for code in ends)
            if len(run) > 2
            else " ".join(f"{code:02X}h" for code in run)
        )
    return " ".join(texts)


# --- show ---------------------------------------------------------------------------------------------


def show_profile(name: str, *, json: bool, yaml: bool, everything: bool) -> int:
    """Print a profile and return the exit status. Raises UsageError for one that cannot be."""
    if json and yaml:
        raise UsageError("--json and --yaml are two forms of the same: choose one")
    found = loaded(name)
    if yaml:
        text = yaml_format.safe_dump(
            {"format": 1, **found.tree}, sort_keys=False, allow_unicode=True, width=110
        ).rstrip()
    else:
        text = _document(found) if json else "\n".join(_lines(found, everything=everything))
    Printer().line(text)
    return 0


def _document(found: LoadedProfile) -> str:
    profile = found.profile
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": profile.name,
        "about": profile.about,
        "inherits": list(found.lineage[1:]),
        "values": {
            entry.path: {"value": entry.value, "from": entry.origin, SYNTHETIC: entry.synthetic}
            for entry in values(found)
        },
        "deviations": [
            {"at": entry.at, "does": entry.does, "source": entry.source} for entry in profile.deviations
        ],
        "quirks": list(profile.quirks),
    }
    return json_format.dumps(document, indent=2)


def _lines(found: LoadedProfile, *, everything: bool) -> Iterator[str]:
    profile = found.profile
    yield f"{profile.name}: {profile.about}"
    if found.lineage[1:]:
        yield "  inherits from " + ", then ".join(found.lineage[1:])
    section = None
    shown = [entry for entry in values(found) if everything or entry.origin is not None]
    for entry in shown:
        head, _, key = entry.path.partition(".")
        if head != section:
            section = head
            yield f"  {section}"
        said_by = (entry.origin or DEFAULT) + (f", {SYNTHETIC}" if entry.synthetic else "")
        yield f"    {key}: {text_of(entry)}  ({said_by})"
    if any(entry.synthetic for entry in shown):
        yield f"  {SYNTHETIC}: no source gives it; it is there so that there is an engine, and is no fact about any"
    if profile.deviations:
        yield "  deviations"
        for deviation in profile.deviations:
            yield f"    {deviation.at}: {deviation.does}"
            yield f"      source: {deviation.source}"
    if profile.quirks:
        yield "  quirks: " + ", ".join(profile.quirks)


def text_of(entry: ProfileValue) -> str:
    """A value in words."""
    value = entry.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if entry.path.rpartition(".")[2] in CODES:
            return " ".join(f"{code:02X}h" for code in value) or "none"
        return "; ".join(_word(part) for part in value) or "none"
    return "none" if value in (None, "") else str(value)


def _word(part: object) -> str:
    if isinstance(part, dict):
        ((name, code),) = part.items()
        return f"{name} ({code})"
    return str(part)


# --- check --------------------------------------------------------------------------------------------


def check_file(file: str) -> int:
    """Say that a profile can be, and return the exit status. Raises UsageError with all that is wrong."""
    if not file.endswith(".yaml") and file not in available_profiles():
        raise UsageError(f"{file}: a profile of your own is a file whose name ends in .yaml")
    found = loaded(file)
    stated = sum(origin == file for origin in found.origins.values())
    inherits = " from " + ", ".join(found.lineage[1:]) if found.lineage[1:] else ""
    Printer().line(
        f"{file}: profile {found.profile.name} is sound; it states {stated} values and has {len(found.origins) - stated} others{inherits}"
    )
    return 0
