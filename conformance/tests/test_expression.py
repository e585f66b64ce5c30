"""Expressions: the grammar, the bounds, and agreement with Python where both have a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.conformance.expression import MAXIMUM_LENGTH, Expression, ExpressionError

NAMES = {"limit": 7, "src.blocks": 4096, "src.block_length": 512}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (5, 5),
        ("limit", 7),
        ("limit + 1", 8),
        ("src.blocks - 1", 4095),
        ("-limit", -7),
        ("2 * (limit - 3) // 3", 2),
        ("min(limit, 3) + max(1, 2, limit)", 10),
        (" 0x10 ", 16),
    ],
)
def test_values(text: str | int, value: int) -> None:
    assert Expression.parse(text).evaluate(NAMES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (True, "expected an integer or an expression, got true"),
        (None, "expected an integer or an expression, got null"),
        ([1], r"expected an integer or an expression, got \[1\]"),
        ("1 +", "'1 [+]' is no expression"),
        ("2 ** 100", r"'2 \*\* 100' in '2 \*\* 100' is not allowed"),
        ("f(1, 2)", r"'f\(1, 2\)' in .* is not allowed"),
        ("min(1)", "is not allowed"),
        ("a.b.c", "is not allowed"),
        ("1.5", "is not allowed"),
        ("True", "is not allowed"),
        ("'a'", "is not allowed"),
        ("[1][0]", "is not allowed"),
        ("x if y else z", "is not allowed"),
        ("1or 2", "is not allowed"),
        ("1 +" * MAXIMUM_LENGTH, "at most 200 characters"),
        ("(" * 150 + "1", "is no expression"),
    ],
)
def test_what_is_no_expression(text: object, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Expression.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "limt",
            r"unknown name 'limt', did you mean limit\? \(known here: limit, src.block_length, src.blocks\)",
        ),
        ("1 // (limit - 7)", "divides by zero"),
        ("*".join(["9999999999"] * 15), "has more than 128 bits"),
    ],
)
def test_what_has_no_value(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Expression.parse(text).evaluate(NAMES)


def expressions() -> st.SearchStrategy[str]:
    atoms = st.integers(0, 1000).map(str) | st.sampled_from(["limit", "src.blocks"])
    return st.recursive(
        atoms,
        lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "//"]), inner)
        | st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner)
        | st.builds("-{}".format, inner),
        max_leaves=6,
    )


@given(expressions())
def test_python_agrees(text: str) -> None:
    class Unit:
        blocks = 4096

    try:
        wanted = eval(text, {"limit": 7, "src": Unit, "min": min, "max": max})
    except ZeroDivisionError:
        wanted = None
    try:
        value = Expression.parse(text).evaluate(NAMES)
    except ExpressionError:
        value = None

    assert value == wanted


@given(st.text() | st.text(alphabet="0123456789abx.,()+-*/% "))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    said = "a value"
    try:
        Expression.parse(text).evaluate(NAMES)
    except ExpressionError as error:
        said = str(error)

    assert said
