"""Mappings with a fixed set of keys, read from plain data and written back.

One table for each mapping says which keys it has, and what each is read into and written from. An
error says where it is, what stands there, and what would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, NamedTuple

from threepce.emulator.faults.values import Value, shown
from threepce.emulator.strict_yaml import Path, path_text

__all__ = ["FaultError", "Key", "Keys", "instead", "read", "written"]


class FaultError(ValueError):
    """A fault makes no sense: `path` is the place in the data, `text` what is wrong and what would do.

    `at_key` says that the key is wrong, whatever its value.
    """

    def __init__(self, path: Path, text: str, *, at_key: bool = False) -> None:
        super().__init__(f"{path_text(path)}: {text}" if path else text)
        self.path, self.text, self.at_key = path, text, at_key


class Key(NamedTuple):
    """A key of a mapping: the attribute it is for, and its value; ``None`` is not written."""

    attribute: str
    value: Value


Keys = Mapping[str, Key]


def read(keys: Keys, tree: object, path: Path) -> dict[str, Any]:
    """The attributes that a mapping gives values for."""
    if not isinstance(tree, dict):
        raise FaultError(path, f"expected keys and values ({', '.join(keys)}), got {shown(tree)}")
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in keys:
            raise FaultError((*path, str(key)), f"unknown key; {instead(str(key), keys)}", at_key=True)
        entry = keys[key]
        try:
            found[entry.attribute] = entry.value.read(value)
        except FaultError as error:
            raise FaultError((*path, key, *error.path), error.text, at_key=error.at_key) from None
        except ValueError as error:
            raise FaultError((*path, key), str(error)) from None
    return found


def instead(word: str, words: Iterable[str]) -> str:
    """What would do in place of a word that does not."""
    close = get_close_matches(word, list(words), 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(words)}"


def written(keys: Keys, value: Any) -> dict[str, Any]:
    """The mapping of a value: all that is not as it would be without."""
    tree = {}
    defaults = {field.name: field.default for field in fields(value)}
    for key, entry in keys.items():
        attribute = getattr(value, entry.attribute)
        if attribute != defaults[entry.attribute]:
            tree[key] = entry.value.write(attribute)
    return tree
