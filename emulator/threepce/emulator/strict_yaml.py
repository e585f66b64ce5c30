"""Read a strict subset of YAML and remember where every value stands.

YAML 1.1 as PyYAML reads it turns ``10:22:33:44`` into 2241224, ``010`` into 8 and ``off`` into
False, and keeps the last of two equal keys. Here only true, false, null, decimal and 0x integers
are anything but text; duplicate keys, anchors, aliases, tags and a second document are errors;
keys are text. This module knows no format that is written in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

__all__ = ["Document", "DocumentError", "Path", "Place", "load", "path_text"]

MAXIMUM_DEPTH = 32
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and list indexes from the top."""


class Place(NamedTuple):
    """A position in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DocumentError(Exception):
    """A file is wrong at one place."""

    def __init__(self, place: Place, path: Path, text: str) -> None:
        self.place, self.path, self.text = place, path, text
        where = f"{place} {path_text(path)}" if path else str(place)
        super().__init__(f"{where}: {text}")


def path_text(path: Path) -> str:
    """A path as a reader writes it: ``steps[1].expect.sense``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (dict, list, str, int, bool, None) and the places of its keys and values."""

    file: str
    data: Any
    values: dict[Path, Place] = field(repr=False)
    keys: dict[Path, Place] = field(repr=False)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where `path` stands, or the closest thing around it that is there."""
        for end in range(len(path), -1, -1):
            if key and (found := self.keys.get(path[:end])):
                return found
            if found := self.values.get(path[:end]):
                return found
        return Place(self.file, 1, 1)

    def error(self, path: Path, text: str, *, key: bool = False) -> DocumentError:
        """An error about the value at `path`, or about its key."""
        return DocumentError(self.place(path, key=key), path, text)


def load(text: str, file: str) -> Document:
    """The one document in `text`; `file` is its name in messages. Raises DocumentError."""
    try:
        root = yaml.compose(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise DocumentError(place, (), error.problem or str(error)) from None
    except yaml.YAMLError as error:  # a character that no YAML text may hold
        raise DocumentError(Place(file, 1, 1), (), " ".join(str(error).split())) from None
    if root is None:
        raise DocumentError(Place(file, 1, 1), (), "the file is empty")
    document = Document(file, None, {}, {})
    return Document(file, _Builder(document).build(root, ()), document.values, document.keys)


class _StrictLoader(yaml.SafeLoader):
    """Composes nodes; an anchor, alias or tag ends it, and so does nesting that is too deep."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            raise yaml.MarkedYAMLError(
                problem="anchors, aliases and tags are not allowed, write the value out",
                problem_mark=event.start_mark,
            )
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {MAXIMUM_DEPTH} levels deep", problem_mark=event.start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._document.values.setdefault(path, self._place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise DocumentError(place, path, "expected a word as key, got a list or mapping")
            key = str(key_node.value)
            if key in found:
                first = self._document.keys[*path, key]
                raise DocumentError(
                    place, (*path, key), f"this key appears twice, first in line {first.line}; remove one"
                )
            self._document.keys[*path, key] = place
            found[key] = self.build(value_node, (*path, key))
        return found

    def _scalar(self, node: Any, path: Path) -> str | int | bool | None:
        text = str(node.value)
        if node.style is not None:  # quoted or a block: always text
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if not text:
            raise self._document.error(path, "expected a value, got nothing; write null if that is meant")
        if not _INTEGER.fullmatch(text):
            return text
        if len(text) > 40:
            raise self._document.error(path, f"expected an integer of at most 40 digits, got {len(text)}")
        return int(text, 0)

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(self._document.file, mark.line + 1, mark.column + 1)
