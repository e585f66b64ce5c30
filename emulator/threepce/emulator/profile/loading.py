"""From a file to a profile: reading, inheriting, and building values of the right types.

A profile states what differs from the one it inherits from; a mapping is merged key by key, a list
replaces the inherited list whole. Where each value came from is remembered. Everything that is no
value of its key is found, not only the first; whether the values go together is for ``checks``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from threepce.emulator import strict_yaml
from threepce.emulator.profile.checks import problems_of
from threepce.emulator.profile.copy_behaviour import Rule
from threepce.emulator.profile.errors import ProfileError
from threepce.emulator.profile.values import Profile
from threepce.scsi.additional_sense import AdditionalSense

__all__ = ["LoadedProfile", "available_profiles", "load", "load_profile"]

FORMAT = 1
MOST_HEIRS = 16
WORDS = {int: "a number of 0 or more", str: "text", bool: "true or false"}
OWN_KEYS = ("profile", "about", "deviations", "synthetic")
"""Keys that tell of the profile; all others tell of the engine."""


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with where it comes from.

    `lineage` are the names of the profile and of those it inherits from, nearest first. `tree` is
    what all of them say, merged; `origins` has for the path of each value in it, such as
    ``copy_manager.dialects``, the profile that says it. `marks` are the paths of which a profile
    says that no source gives what stands there, each with that profile; see `is_synthetic`.
    """

    profile: Profile
    lineage: tuple[str, ...]
    tree: Mapping[str, Any]
    origins: Mapping[str, str]
    marks: tuple[tuple[str, str], ...]

    def is_synthetic(self, path: str) -> bool:
        """Whether no source gives the value: a mark holds for what was said before it, not for what heirs say."""
        said_by = self.lineage.index(self.origins[path]) if path in self.origins else len(self.lineage)
        return any(
            _within(path, marked) and self.lineage.index(marker) <= said_by for marked, marker in self.marks
        )


def _shipped() -> Traversable:
    return files("threepce.emulator").joinpath("profiles")


@cache
def available_profiles() -> list[str]:
    """The names of the profiles that come with the package."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in _shipped().iterdir() if entry.name.endswith(".yaml")
    )


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by its name, or one from a file by a path ending in ``.yaml``.

    Raises ProfileError for a name that is not there and a file that makes no sense.
    """
    return load(name).profile


def load(name: str) -> LoadedProfile:
    """The same, with where each value comes from. Raises ProfileError with all that is wrong."""
    trees = list(_lineage(name))
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    marks: list[tuple[str, str]] = []
    for origin, own in reversed(trees):
        for path in _paths(own):
            for known in [known for known in origins if _within(known, path) or _within(path, known)]:
                del origins[known]
            origins[path] = origin
        marks += ((path, origin) for path in sorted(_texts(own.get("synthetic"))))
        tree = _merged(tree, own)
    builder = _Builder()
    profile = builder.build(Profile, tree, "")
    problems = builder.problems
    problems += [
        f"synthetic: {path!r} is no key that this profile or one it inherits from gives a value"
        for path, _ in marks
        if not any(_within(known, path) or _within(path, known) for known in origins)
    ]
    if not problems:
        problems = list(problems_of(profile))
    if problems:
        raise ProfileError.of(name, problems)
    lineage = tuple(origin for origin, _ in trees)
    return LoadedProfile(profile, lineage, tree, origins, tuple(marks))


# --- reading ------------------------------------------------------------------------------------------


def _lineage(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The trees of a profile and of those it inherits from, each with its name, nearest first."""
    names: list[str] = []
    following: str | None = name
    while following is not None:
        if following in names:
            raise ProfileError(f"profile {following} inherits from itself, through {' and '.join(names)}")
        names.append(following)
        if len(names) > MOST_HEIRS:
            raise ProfileError(f"profile {name} inherits through more than {MOST_HEIRS} others")
        tree = _read(following)
        parent = tree.pop("inherits", None)
        if parent is not None and not isinstance(parent, str):
            raise ProfileError(f"{following}: inherits: expected the name of a profile, got {parent!r}")
        yield following, tree
        following = parent


def _read(name: str) -> dict[str, Any]:
    """What stands in the file of a profile."""
    if name.endswith(".yaml"):
        source: Traversable = Path(name)
    else:
        if name not in available_profiles():
            close = get_close_matches(name, available_profiles(), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ProfileError(
                f"no profile is called {name!r}{hint} There are {', '.join(available_profiles())}; "
                "a file of your own is named by its path, ending in .yaml"
            )
        source = _shipped().joinpath(f"{name}.yaml")
    try:
        tree = strict_yaml.load(source.read_text("utf-8"), name).data
    except OSError as error:
        raise ProfileError(f"{name}: cannot be read: {error.strerror}") from error
    except (strict_yaml.DocumentError, ValueError) as error:  # a path with a null byte, no UTF-8
        raise ProfileError(f"{name}: not YAML: {error}") from error
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ProfileError(f"{name}: a profile starts with 'format: {FORMAT}'")
    return tree


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`, mapping by mapping; a list replaces the inherited list whole."""
    result = dict(base)
    for key, value in own.items():
        inherited = result.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict):
            result[key] = _merged(inherited, value)
        else:
            result[key] = value
    return result


def _paths(tree: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of the values in a tree; what is not a mapping is one value."""
    for key, value in tree.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _paths(value, where)
        elif path or key not in OWN_KEYS:
            yield where


def _within(path: str, whole: str) -> bool:
    """Whether the value at `path` is all or a part of what stands at `whole`."""
    return path == whole or path.startswith(whole + ".")


def _texts(tree: object) -> set[str]:
    return {entry for entry in tree if isinstance(entry, str)} if isinstance(tree, list) else set()


# --- building -----------------------------------------------------------------------------------------


class _Builder:
    """Makes values of a tree. What is no value of its type is a problem, and nothing in its place."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def _wrong(self, problem: str) -> Any:
        self.problems.append(problem)
        return None

    def build(self, kind: Any, tree: object, path: str) -> Any:
        """`tree` as a value of the type `kind`."""
        if typing.get_origin(kind) is types.UnionType or isinstance(kind, types.UnionType):
            (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
        if is_dataclass(kind) and kind is not Rule:
            return self._record(typing.cast("type[Any]", kind), tree, path)
        if typing.get_origin(kind) is tuple:
            return self._list(typing.get_args(kind)[0], tree, path)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._choice(kind, tree, path)
        readers = {Rule: self._rule, AdditionalSense: self._code}
        if kind in readers:
            return readers[kind](tree, path)
        if type(tree) is not kind or (kind is int and typing.cast("int", tree) < 0):
            return self._wrong(f"{path}: expected {WORDS[kind]}, got {tree!r}")
        return tree

    def _list(self, kind: Any, tree: object, path: str) -> Any:
        if not isinstance(tree, list):
            return self._wrong(f"{path}: expected a list, got {tree!r}")
        return tuple(self.build(kind, entry, f"{path}[{index}]") for index, entry in enumerate(tree))

    def _choice(self, kind: type[Enum], tree: object, path: str) -> Any:
        values = [member.value for member in kind]
        if tree not in values:
            return self._wrong(f"{path}: expected one of {', '.join(values)}; got {tree!r}")
        return kind(tree)

    def _record(self, kind: type[Any], tree: object, path: str) -> Any:
        if not isinstance(tree, dict):
            return self._wrong(f"{path or 'the file'}: expected keys and values, got {tree!r}")
        hints = typing.get_type_hints(kind)
        known = {("profile" if path == "" and f.name == "name" else f.name): f for f in fields(kind)}
        before = len(self.problems)
        for key in tree:
            if key not in known:
                close = get_close_matches(str(key), known, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                self._wrong(f"{path}: unknown key {key!r}{hint}" if path else f"unknown key {key!r}{hint}")
        values = {}
        for key, field in known.items():
            where = f"{path}.{key}" if path else key
            if key in tree:
                values[field.name] = self.build(hints[field.name], tree[key], where)
            elif field.default is MISSING:
                self._wrong(f"{where} is missing")
        return kind(**values) if len(self.problems) == before else None

    def _rule(self, tree: object, path: str) -> Any:
        if isinstance(tree, str):
            return Rule(name=tree)
        if isinstance(tree, dict) and len(tree) == 1:
            ((name, code),) = tree.items()
            return Rule(name=str(name), code=self._code(code, path))
        return self._wrong(f"{path}: expected the name of a rule, or 'name: ADDITIONAL SENSE', got {tree!r}")

    def _code(self, tree: object, path: str) -> Any:
        try:
            return AdditionalSense.named(typing.cast("str", tree))
        except (KeyError, AttributeError):
            return self._wrong(f"{path}: {tree!r} is not on the T10 list of additional sense codes")
