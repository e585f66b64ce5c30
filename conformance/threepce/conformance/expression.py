"""Integer expressions in scenario files: names, integers, ``+ - * //``, ``min`` and ``max``.

An expression is parsed when the file is loaded and evaluated when its names have values. The
grammar is a small part of Python's, so Python's own parser reads it; nothing is ever executed.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from threepce.conformance.errors import did_you_mean

__all__ = ["Expression", "ExpressionError"]

MAXIMUM_LENGTH = 200
MAXIMUM_NODES = 64
MAXIMUM_VALUE = 1 << 128

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[..., int]] = {"min": min, "max": max}
_WORDS = (("true", True), ("false", False), ("null", None))
_GRAMMAR = "integers, names, + - * //, parentheses, min(a, b) and max(a, b)"


class ExpressionError(ValueError):
    """An expression cannot be read, or has no value with the names at hand."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An integer to be computed; `names` are those it needs, ``src.blocks`` being one name."""

    text: str
    tree: ast.expr = field(repr=False, compare=False)
    names: frozenset[str] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, value: object) -> Expression:
        """Read an integer or a text. Raises ExpressionError."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ExpressionError(f"expected an integer or an expression, got {_shown(value)}")
        if isinstance(value, int):
            return cls(str(value), ast.Constant(value), frozenset())
        if len(value) > MAXIMUM_LENGTH:
            raise ExpressionError(
                f"an expression has at most {MAXIMUM_LENGTH} characters, this one {len(value)}"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about literals such as 1or; _check refuses those
                tree = ast.parse(value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ExpressionError(f"{value!r} is no expression; an expression has {_GRAMMAR}") from None
        names: set[str] = set()
        _check(tree, names, value)
        if sum(1 for _ in ast.walk(tree)) > 4 * MAXIMUM_NODES:
            raise ExpressionError(f"{value!r} is too long an expression")
        return cls(value.strip(), tree, frozenset(names))

    def evaluate(self, scope: Mapping[str, int]) -> int:
        """The value. Raises ExpressionError for an unknown name, a division by zero, or overflow."""
        try:
            return _evaluate(self.tree, scope)
        except ZeroDivisionError:
            raise ExpressionError(f"{self.text} divides by zero") from None

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


def _check(node: ast.expr, names: set[str], text: str) -> None:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return
        case ast.Name(id=name):
            names.add(name)
        case ast.Attribute(value=ast.Name(id=unit), attr=fact):
            names.add(f"{unit}.{fact}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand, names, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left, names, text)
            _check(right, names, text)
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as arguments, keywords=[]) if (
            name in _FUNCTIONS
        ):
            for argument in arguments:
                _check(argument, names, text)
        case _:
            shown = ast.unparse(node)
            raise ExpressionError(f"{shown!r} in {text!r} is not allowed; an expression has {_GRAMMAR}")


def _evaluate(node: ast.expr, scope: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            result = value
        case ast.Name(id=name):
            result = _look_up(name, scope)
        case ast.Attribute(value=ast.Name(id=unit), attr=fact):
            result = _look_up(f"{unit}.{fact}", scope)
        case ast.UnaryOp(operand=operand):
            result = -_evaluate(operand, scope)
        case ast.BinOp(left=left, op=op, right=right):
            result = _OPERATORS[type(op)](_evaluate(left, scope), _evaluate(right, scope))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            result = _FUNCTIONS[name](*(_evaluate(argument, scope) for argument in arguments))
        case _:  # parse() lets nothing else through
            raise ExpressionError(f"{ast.unparse(node)!r} is not allowed")
    if abs(result) >= MAXIMUM_VALUE:
        raise ExpressionError(f"{ast.unparse(node)} has more than 128 bits")
    return result


def _look_up(name: str, scope: Mapping[str, int]) -> int:
    try:
        return scope[name]
    except KeyError:
        known = ", ".join(sorted(scope)) or "none"
        hint = did_you_mean(name, scope)
        raise ExpressionError(f"unknown name {name!r}{hint} (known here: {known})") from None


def _shown(value: object) -> str:
    return next((word for word, meant in _WORDS if value is meant), repr(value))
